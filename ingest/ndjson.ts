import { isUtf8 } from 'node:buffer';

/** Bytes of one line; as much as the body of a PUT. */
export const MAX_LINE_BYTES = 10 * 1024 * 1024;

export type NdjsonLine =
  | { readonly kind: 'value'; readonly line: number; readonly value: unknown }
  | { readonly kind: 'broken'; readonly line: number; readonly problem: string };

/**
 * The lines of an NDJSON stream, numbered from 1; blank ones are passed over. A line that can't be read is
 * reported in its place and the rest goes on: bytes are looked at, for a decoder would hide invalid UTF-8.
 */
export async function* ndjsonLines(input: AsyncIterable<Buffer>): AsyncGenerator<NdjsonLine> {
  let line = 0;
  for await (const bytes of lines(input)) {
    line += 1;
    if (bytes === 'too long') {
      yield { kind: 'broken', line, problem: `The line has more than ${MAX_LINE_BYTES} bytes.` };
    } else if (!isUtf8(bytes)) {
      yield { kind: 'broken', line, problem: 'The line is not valid UTF-8.' };
    } else {
      const text = bytes.toString('utf8').trim();
      if (text !== '') yield { line, ...parse(text) };
    }
  }
}

function parse(text: string): { kind: 'value'; value: unknown } | { kind: 'broken'; problem: string } {
  try {
    return { kind: 'value', value: JSON.parse(text) };
  } catch (error) {
    return {
      kind: 'broken',
      problem: `The line is not valid JSON: ${error instanceof Error ? error.message.slice(0, 100) : ''}.`,
    };
  }
}

async function* lines(input: AsyncIterable<Buffer>): AsyncGenerator<Buffer | 'too long'> {
  let parts: Buffer[] = [];
  let length = 0;
  const end = (): Buffer | 'too long' => (length > MAX_LINE_BYTES ? 'too long' : Buffer.concat(parts));
  for await (const block of input) {
    let rest = block;
    for (let newline = rest.indexOf(10); newline >= 0; newline = rest.indexOf(10)) {
      length += newline;
      if (length <= MAX_LINE_BYTES) parts.push(rest.subarray(0, newline));
      yield end();
      parts = [];
      length = 0;
      rest = rest.subarray(newline + 1);
    }
    length += rest.length;
    if (length <= MAX_LINE_BYTES) parts.push(rest);
    else parts = [];
  }
  if (length > 0) yield end();
}
