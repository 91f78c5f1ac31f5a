import { z } from 'zod';
import { ClearanceError } from './errors.ts';
import { isStorable, UNSTORABLE } from './text.ts';

/** A condition on a document's metadata, parsed. A missing field satisfies no comparison. */
export type Filter =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Filter[] }
  | { readonly kind: 'not'; readonly of: Filter }
  | {
      readonly kind: 'compare';
      readonly field: string;
      readonly op: 'eq' | 'gte' | 'lte';
      readonly value: Scalar;
    }
  | { readonly kind: 'in'; readonly field: string; readonly values: readonly Scalar[] };

export type Scalar = string | number | boolean;

const MAX_COMPARISONS = 50;
const MAX_DEPTH = 10;

/** A name that metadata may use. `and`, `or` and `not` would read as operators in a filter. */
export const metadataField = z
  .string()
  .regex(/^[A-Za-z_][\w.-]{0,63}$/, 'must start with a letter or _ and have at most 64 of A-Z a-z 0-9 _ . -')
  .refine((name) => !['and', 'or', 'not'].includes(name), 'must not be "and", "or" or "not"');

const text = z.string().max(1_000).refine(isStorable, UNSTORABLE);
const scalar = z.union([text, z.number(), z.boolean()]);
const ordered = z.union([text, z.number()]);
const comparison = z
  .strictObject({
    eq: scalar.optional(),
    in: z.array(scalar).min(1).max(100).optional(),
    gte: ordered.optional(),
    lte: ordered.optional(),
  })
  .refine((operators) => Object.keys(operators).length > 0, 'needs one of eq, in, gte, lte');

/** Parses `{field: {eq | in | gte | lte: value}}` with `and`, `or` and `not`; throws `invalid_filter` saying where. */
export function parseFilter(input: unknown): Filter {
  let comparisons = 0;

  function parse(node: unknown, path: string, depth: number): Filter {
    if (depth > MAX_DEPTH) throw invalid(path, `is nested deeper than ${MAX_DEPTH}`);
    if (typeof node !== 'object' || node === null || Array.isArray(node))
      throw invalid(path, 'must be an object');
    const parts = Object.entries(node).map(([key, value]) => parseEntry(key, value, `${path}.${key}`, depth));
    if (parts.length === 0) throw invalid(path, 'is empty: name a field, or "and", "or" or "not"');
    return joined(parts);
  }

  function parseEntry(key: string, value: unknown, path: string, depth: number): Filter {
    if (key === 'not') return { kind: 'not', of: parse(value, path, depth + 1) };
    if (key === 'and' || key === 'or') {
      if (!Array.isArray(value) || value.length === 0)
        throw invalid(path, 'must be a list of at least one filter');
      return { kind: key, of: value.map((part, i) => parse(part, `${path}[${i}]`, depth + 1)) };
    }
    return parseComparison(key, value, path);
  }

  function parseComparison(name: string, value: unknown, path: string): Filter {
    const field = metadataField.safeParse(name);
    if (!field.success) throw invalid(path, `is no field name: it ${field.error.issues[0]?.message}`);
    const operators = comparison.safeParse(value);
    if (!operators.success) throw invalid(path, firstProblem(operators.error));
    const { in: values, ...compared } = operators.data;
    const parts: Filter[] = values === undefined ? [] : [{ kind: 'in', field: name, values }];
    for (const op of ['eq', 'gte', 'lte'] as const) {
      const operand = compared[op];
      if (operand !== undefined) parts.push({ kind: 'compare', field: name, op, value: operand });
    }
    comparisons += parts.length;
    if (comparisons > MAX_COMPARISONS)
      throw invalid('filter', `has more than ${MAX_COMPARISONS} comparisons`);
    return joined(parts);
  }

  return parse(input, 'filter', 0);
}

/** The names of every field that a filter looks at. */
export function filterFields(filter: Filter): Set<string> {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return new Set(filter.of.flatMap((part) => [...filterFields(part)]));
    case 'not':
      return filterFields(filter.of);
    default:
      return new Set([filter.field]);
  }
}

function joined(parts: readonly Filter[]): Filter {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : { kind: 'and', of: parts };
}

function invalid(path: string, problem: string): ClearanceError {
  return new ClearanceError('invalid_filter', `${path} ${problem}.`);
}

function firstProblem(error: z.ZodError): string {
  const issue = error.issues[0];
  return issue === undefined ? 'is not a comparison' : `${issue.path.join('.')}: ${issue.message}`;
}
