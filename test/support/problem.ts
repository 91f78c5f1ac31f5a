import { expect } from 'vitest';
import { problem } from '../../src/doors/http/problem.ts';
import type { Answer } from './http.ts';

const INSIDE =
  /\.ts:\d|\.js:\d|node_modules|node:internal|\bat \w+ \(|SELECT |INSERT |SQLSTATE|Fastify|FST_|_events|Readable/;

/** What a refusal says. Throws where it is not as RFC 9457 has it, or tells anything of the inside. */
export function problemOf({ status, headers, text, body }: Answer) {
  if (INSIDE.test(text)) throw new Error(`The answer tells of the inside: ${text}`);
  if (!String(headers['content-type']).startsWith('application/problem+json')) {
    throw new Error(`No problem, but ${status} ${String(headers['content-type'])}: ${text.slice(0, 500)}`);
  }
  const { code, detail, ...said } = problem.strict().parse(body);
  if (said.status !== status) throw new Error(`The status is ${status}, and the body says ${said.status}.`);
  return { status, code, detail };
}

export function aProblem(status: number, code: string, detail: RegExp) {
  return { status, code, detail: expect.stringMatching(detail) as string };
}
