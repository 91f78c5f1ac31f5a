import { vectorLiteral } from '../../../src/adapters/postgres/vector.ts';
import type { Caller } from './callers.ts';
import { dot, questionOf, type Vectors, vectorAt } from './vectors.ts';

export const K = 10;

export type Query = {
  /** As the product is asked, and as pgvector is. */
  readonly text: string;
  readonly literal: string;
  readonly vector: Float32Array;
};

/** Of the ten best documents that a caller may read: how many there are, and the least of their scores. */
export type Truth = { readonly count: number; readonly least: number };

export function queryAt(vectors: Vectors, i: number): Query {
  const vector = vectorAt(vectors, i);
  return { text: questionOf(i), literal: vectorLiteral(vector), vector };
}

/** By brute force, for each caller. */
export function truthOf(vectors: Vectors, { vector }: Query, callers: readonly Caller[]): Map<Caller, Truth> {
  const scores = Float64Array.from({ length: vectors.count }, (_, i) => dot(vectorAt(vectors, i), vector));
  return new Map(
    callers.map((caller) => {
      const best: number[] = [];
      for (const number of caller.readable.numbers()) {
        const score = scores[number - 1] ?? 0;
        if (best.length === K && score <= (best[K - 1] ?? 0)) continue;
        const at = best.findIndex((other) => other < score);
        best.splice(at < 0 ? best.length : at, 0, score);
        best.length = Math.min(best.length, K);
      }
      return [caller, { count: best.length, least: best.at(-1) ?? 0 }];
    }),
  );
}

/** By score and not by name: of documents that score alike, any will do. Throws for what may not be read. */
export function recallOf(
  vectors: Vectors,
  { vector }: Query,
  { readable, user }: Caller,
  { count, least }: Truth,
  found: readonly number[],
): number {
  const hits = [...new Set(found)].filter((number) => {
    if (!readable.has(number)) throw new Error(`${user} was given document ${number}`);
    return dot(vectorAt(vectors, number - 1), vector) >= least;
  });
  return Math.min(1, hits.length / count);
}
