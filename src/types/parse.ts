import type { z } from 'zod';
import { ClearanceError, type ErrorCode } from './errors.ts';

/** Checks data that comes in from outside; throws `invalid_request` (or `code`) naming the field and what is wrong. */
export function parseInput<Schema extends z.ZodType>(
  schema: Schema,
  input: unknown,
  code: ErrorCode = 'invalid_request',
): z.output<Schema> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new ClearanceError(code, parsed.error.issues.slice(0, 5).map(describeIssue).join('; '));
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
}
