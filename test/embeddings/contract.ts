import { beforeAll, describe, expect, it } from 'vitest';
import type { Embeddings } from '../../src/ports/embeddings.ts';

export const dot = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, x, i) => sum + x * (b[i] ?? Number.NaN), 0);

export async function embedOne(embeddings: Embeddings, text: string): Promise<Float32Array> {
  const [vector] = await embeddings.embed([text]);
  if (vector === undefined) throw new Error('no vector');
  return vector;
}

/** What the rest of the product relies on, whichever implementation is chosen. */
export function embeddingsContract(name: string, make: () => Promise<Embeddings>): void {
  describe(`embeddings: ${name}`, () => {
    let embeddings: Embeddings;
    beforeAll(async () => {
      embeddings = await make();
    });

    it('names a space that pgvector can index', () => {
      expect(embeddings.model).toMatch(/./);
      expect(embeddings.dimension).toBeGreaterThan(0);
      expect(embeddings.dimension).toBeLessThanOrEqual(2_000);
      expect(embeddings.denseWeight).toBeGreaterThan(0);
      expect(embeddings.denseWeight).toBeLessThan(1);
    });

    it('gives a vector of length one for each text', async () => {
      const vectors = await embeddings.embed(['Travel policy', 'a', '42', 'Größe: 3 µm']);
      expect(vectors.map(({ length }) => length)).toEqual(
        Array.from({ length: 4 }, () => embeddings.dimension),
      );
      for (const vector of vectors) {
        expect(vector).toBeInstanceOf(Float32Array);
        expect(dot(vector, vector)).toBeCloseTo(1, 5);
      }
    });

    it('keeps the order of more texts than fit one request, each apart from its neighbours', async () => {
      const texts = Array.from({ length: 300 }, (_, i) => `passage ${i} of the handbook`);
      const together = await embeddings.embed(texts);
      expect(together).toHaveLength(300);
      for (const i of [0, 1, 127, 128, 255, 256, 299]) {
        expect(together[i]).toEqual(await embedOne(embeddings, texts[i] ?? ''));
      }
      expect(together[0]).not.toEqual(together[1]);
    });

    it('gives the same vectors the next time it is started', async () => {
      const texts = ['Who may approve an expense report?', 'x'.repeat(50_000)];
      expect(await (await make()).embed(texts)).toEqual(await embeddings.embed(texts));
    });

    it('puts like texts nearer than unlike ones', async () => {
      const question = await embedOne(embeddings, 'the cat on the mat');
      const like = await embedOne(embeddings, 'a cat sat on a mat');
      const unlike = await embedOne(embeddings, 'interest rates rose again');
      expect(dot(question, like)).toBeGreaterThan(dot(question, unlike) + 0.2);
    });

    it('gives zeros, in their places, for texts with nothing in them', async () => {
      const zeros = new Float32Array(embeddings.dimension);
      const [empty, cat, blank] = await embeddings.embed(['', 'cat', ' \n\t ']);
      expect([empty, blank]).toEqual([zeros, zeros]);
      expect(cat).toEqual(await embedOne(embeddings, 'cat'));
    });

    it('takes no texts', async () => {
      await expect(embeddings.embed([])).resolves.toEqual([]);
    });

    it('stops for a caller who has gone', async () => {
      await expect(embeddings.embed(['cat'], AbortSignal.abort())).rejects.toMatchObject({
        name: 'ClearanceError',
        code: 'embeddings_unavailable',
      });
    });
  });
}
