import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { Tokenizer } from '@huggingface/tokenizers';
import { beforeAll, describe, expect, it } from 'vitest';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import { readTable } from '../../src/adapters/static-embeddings/table.ts';
import { wordPieces } from '../../src/adapters/static-embeddings/word-pieces.ts';
import type { Embeddings } from '../../src/ports/embeddings.ts';
import { dot, embedOne } from './contract.ts';

const assets = new URL('../../assets/minilm-256/', import.meta.url);
let embeddings: Embeddings;
let tokenizerFile: object;
let whole: (text: string) => number[];

beforeAll(async () => {
  embeddings = await staticEmbeddings();
  tokenizerFile = JSON.parse(await readFile(new URL('tokenizer.json', assets), 'utf8')) as object;
  const tokenizer = new Tokenizer(tokenizerFile, {});
  whole = (text) => tokenizer.encode(text, { add_special_tokens: false }).ids;
});

describe('the vectors', () => {
  it('are the sums of the rows in the file', async () => {
    const text = 'Photosynthesis, in 1999!';
    const file = await readFile(new URL('table.bin', assets));
    const scalesAt = file.length - 30_522 * 4;
    const sum = Array.from({ length: 256 }, (_, i) =>
      whole(text).reduce(
        (x, row) => x + file.readInt8(row * 256 + i) * file.readFloatLE(scalesAt + row * 4),
        0,
      ),
    );
    const length = Math.hypot(...sum);
    const vector = await embedOne(embeddings, text);
    expect(Math.max(...sum.map((x, i) => Math.abs(x / length - (vector[i] ?? 0))))).toBeLessThan(1e-6);
  });

  it('know synonyms', async () => {
    const car = await embedOne(embeddings, 'car');
    const automobile = await embedOne(embeddings, 'automobile');
    const banana = await embedOne(embeddings, 'banana');
    expect(dot(car, automobile)).toBeGreaterThan(0.6);
    expect(dot(car, banana)).toBeLessThan(0.3);
  });

  it('hardly move with words that are everywhere', async () => {
    const bare = await embedOne(embeddings, 'protein folding');
    expect(dot(bare, await embedOne(embeddings, 'the protein, and of the folding.'))).toBeGreaterThan(0.9);
  });

  it.each(['!!! ... ---', '🎉🎉', '\u{0}\u{7}', '→ ≠ €'])('are zeros for %j', async (text) => {
    expect(await embedOne(embeddings, text)).toEqual(new Float32Array(256));
  });
});

describe('word pieces', () => {
  it.each([
    'Größe naïve ÉCOLE ΑΣ ΑΣ.',
    'a\u{feff}b c\u{a0}d e\u{200b}f g\u{b}h i\u{2028}j',
    'line\r\nbreaks\tand  gaps ',
    '你好世界 mixed中文text',
    "e.g. C++ (foo_bar) http://x.org/?q=1&r=2 [CLS] [SEP] don't",
    `${'a'.repeat(100)} ${'b'.repeat(101)} ${'anti'.repeat(20)}`,
    '🎉 \u{d800} \u{fffd}x',
  ])('of %j are those of the tokenizer for the whole text', (text) => {
    const pieces = wordPieces(tokenizerFile);
    expect([...pieces(text)]).toEqual(whole(text));
    expect([...pieces(text)], 'from memory').toEqual(whole(text));
  });

  it('stay right when more words were met than are kept', () => {
    const pieces = wordPieces(tokenizerFile);
    const text = 'retrieval-augmented generation';
    const first = [...pieces(text)];
    for (let i = 0; i < 20_000; i++) Array.from(pieces(`w${i}`));
    expect([...pieces(text)]).toEqual(first);
    expect(first).toEqual(whole(text));
  });
});

it('others are served while pictures are embedded, each of whose passages takes long', async () => {
  const pictures = Array.from({ length: 48 }, () => randomBytes(1_350).toString('base64'));
  const others = { turns: 0, wait: true };
  const embedded = embeddings.embed(pictures).finally(() => (others.wait = false));
  while (others.wait) {
    await setImmediate();
    others.turns += 1;
  }
  await embedded;
  // By the number of passages alone, one turn in sixteen, it would be three.
  expect(others.turns).toBeGreaterThan(6);
});

it('a damaged table is told at the start', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clearance-table-'));
  try {
    await writeFile(join(folder, 'table.json'), JSON.stringify({ rows: 2, dimension: 3 }));
    await writeFile(join(folder, 'table.bin'), Buffer.alloc(2 * 3 + 2 * 4 - 1));
    await expect(readTable(pathToFileURL(`${folder}/`))).rejects.toMatchObject({ name: 'StartupError' });
  } finally {
    await rm(folder, { recursive: true });
  }
});
