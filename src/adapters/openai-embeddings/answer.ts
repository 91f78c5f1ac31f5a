import { z } from 'zod';

/** Servers that don't know `encoding_format` answer with numbers where base64 was asked for. */
const answer = z.object({
  data: z.array(z.object({ index: z.int(), embedding: z.union([z.string(), z.array(z.number())]) })),
});

/** What is wrong with an answer, in words that hold nothing of it. */
export class BadAnswer extends Error {}

/** The vectors of an answer in the order of the texts, each of length one. Throws `BadAnswer`. */
export function readVectors(body: unknown, count: number): Float32Array[] {
  const { success, data: parsed } = answer.safeParse(body);
  if (!success) throw new BadAnswer('it is not a list of embeddings');
  const { data } = parsed;
  if (data.length !== count)
    throw new BadAnswer(`${count} texts were sent and ${data.length} embeddings came back`);
  const byIndex = new Map(data.map(({ index, embedding }) => [index, embedding]));
  return Array.from({ length: count }, (_, index) => {
    const embedding = byIndex.get(index);
    if (embedding === undefined) throw new BadAnswer(`the embedding of index ${index} is missing`);
    return normalised(typeof embedding === 'string' ? fromBase64(embedding) : embedding);
  });
}

function fromBase64(text: string): number[] {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length % Float32Array.BYTES_PER_ELEMENT !== 0) throw new BadAnswer('an embedding is cut off');
  return Array.from({ length: bytes.length / Float32Array.BYTES_PER_ELEMENT }, (_, i) =>
    bytes.readFloatLE(4 * i),
  );
}

function normalised(vector: readonly number[]): Float32Array {
  const length = Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
  // Infinity and NaN can come by base64.
  if (!Number.isFinite(length) || length === 0) throw new BadAnswer('an embedding has no length');
  return Float32Array.from(vector, (x) => x / length);
}
