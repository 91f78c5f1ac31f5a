import { describe, expect, it } from 'vitest';
import { MAX_LINE_BYTES, type NdjsonLine, ndjsonLines } from '../../ingest/ndjson.ts';
import { collect } from '../support/collect.ts';

async function read(...blocks: readonly (Buffer | string)[]): Promise<NdjsonLine[]> {
  async function* input() {
    for (const block of blocks) yield Buffer.from(block);
  }
  return await collect(ndjsonLines(input()));
}

const value = (line: number, of: unknown) => ({ kind: 'value', line, value: of });
const broken = (line: number, problem: RegExp) => ({
  kind: 'broken',
  line,
  problem: expect.stringMatching(problem),
});

describe('the lines of an NDJSON stream', () => {
  it.each([
    ['nothing', '', []],
    ['one line', '{"a":1}\n', [value(1, { a: 1 })]],
    ['no newline at the end', '1\n2', [value(1, 1), value(2, 2)]],
    ['CRLF', '1\r\n2\r\n', [value(1, 1), value(2, 2)]],
    ['blank lines, which count', '\n1\n \t\r\n\n2\n\n', [value(2, 1), value(5, 2)]],
    ['a byte order mark', '\uFEFF1\n2', [value(1, 1), value(2, 2)]],
    ['a line separator inside a string', '"a\u2028b"\n2', [value(1, 'a\u2028b'), value(2, 2)]],
    ['an escaped NUL, which is JSON', '"a\\u0000b"', [value(1, 'a\0b')]],
    ['a broken line in the middle', '1\n{"a":\n3', [value(1, 1), broken(2, /not valid JSON/), value(3, 3)]],
    ['two values on one line', '1 2\n3', [broken(1, /not valid JSON/), value(2, 3)]],
    ['a NUL', '1\n"a\0b"\n\0\n4', [value(1, 1), broken(2, /JSON/), broken(3, /JSON/), value(4, 4)]],
  ])('%s', async (_, text, lines) => {
    expect(await read(text)).toEqual(lines);
  });

  it('reports invalid UTF-8 and does not repair it', async () => {
    const bad = [0xff, 0xc3, 0xed, 0xf0].map((byte) => Buffer.from([0x22, byte, 0x22, 0x0a]));
    const surrogate = Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22, 0x0a]);
    expect(await read(...bad, surrogate, '"é"')).toEqual([
      ...[1, 2, 3, 4, 5].map((line) => broken(line, /UTF-8/)),
      value(6, 'é'),
    ]);
  });

  it('are the same wherever the stream is cut', async () => {
    const bytes = Buffer.from('{"é":"日本 😀"}\r\n\n{"broken\n"ü"\n"last"');
    const whole = await read(bytes);
    expect(whole).toEqual([value(1, { é: '日本 😀' }), broken(3, /JSON/), value(4, 'ü'), value(5, 'last')]);
    for (let i = 0; i <= bytes.length; i += 1)
      expect(await read(bytes.subarray(0, i), bytes.subarray(i))).toEqual(whole);
    expect(await read(...Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual(whole);
  });

  it('have a limit: one over it is reported and the next are read', async () => {
    const fits = Buffer.from(`"${'x'.repeat(MAX_LINE_BYTES - 2)}"`);
    const long = Buffer.from(`"${'x'.repeat(MAX_LINE_BYTES - 1)}"`);
    const newline = Buffer.from('\n');
    const third = Math.floor(long.length / 3);
    const outcomes = await read(
      fits,
      newline,
      long,
      newline,
      '3\n',
      long.subarray(0, third),
      long.subarray(third),
      '\n5\n',
      long,
    );
    expect(outcomes.map(({ kind, line }) => [line, kind])).toEqual([
      [1, 'value'],
      [2, 'broken'],
      [3, 'value'],
      [4, 'broken'],
      [5, 'value'],
      [6, 'broken'],
    ]);
    expect(outcomes[1]).toEqual(broken(2, /more than 10485760 bytes/));
  });

  it('come one by one: what is behind a line is not needed for it', async () => {
    async function* endless() {
      yield Buffer.from('1\n2');
      await new Promise(() => undefined);
    }
    const lines = ndjsonLines(endless());
    expect((await lines.next()).value).toEqual(value(1, 1));
  });
});
