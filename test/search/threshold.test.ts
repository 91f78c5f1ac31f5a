import { describe, expect, test } from 'vitest';
import type { PreparedQuestion } from '../../src/adapters/postgres/search/question-sql.ts';
import {
  denseToSettle,
  expectedRank,
  type Lists,
  threshold,
} from '../../src/adapters/postgres/search/threshold.ts';

const question: PreparedQuestion = {
  tenant: 'default',
  embedding: Buffer.alloc(0),
  dimension: 1,
  lexical: { sparse: '{1:5}/1', bound: 10, rarest: "'a'", boundWithoutRarest: 2 },
  denseWeight: 0.5,
};
/** Only its first is taken for complete. */
const dense = Array.from({ length: 200 }, (_, rank) => 0.6 / (rank + 1));
const lists = (lexical: number[], more: Partial<Lists> = {}): Lists => ({
  dense,
  complete: 1,
  full: true,
  lexical: lexical.map((score) => ({ dense: 0, lexical: score })),
  lexicalSize: 2,
  ...more,
});

describe('the highest score that a chunk in neither list can have', () => {
  test('is that of the last of each, where the dense list is complete', () => {
    expect(threshold(question, lists([9, 8]))).toBeCloseTo(0.3 + 0.4);
  });

  test('is not below what the lexemes left out of the list could bring', () => {
    expect(threshold(question, lists([2, 1]))).toBeCloseTo(0.3 + 0.1);
    expect(threshold(question, lists([8]))).toBeCloseTo(0.3 + 0.1);
  });

  test('is unknown where the vector index brought fewer than asked, which proves nothing', () => {
    expect(threshold(question, lists([9, 8], { full: false }))).toBe(Number.POSITIVE_INFINITY);
    expect(threshold(question, lists([9, 8], { dense: [] }))).toBe(Number.POSITIVE_INFINITY);
  });

  test('is the dense one alone where no word of the query is known', () => {
    expect(threshold({ ...question, lexical: undefined }, lists([]))).toBeCloseTo(0.3);
  });

  test('is met by a chunk of the dense score that settles it', () => {
    const least = denseToSettle(question, lists([9, 8]), 0.55);
    expect(threshold(question, lists([9, 8], { dense: dense.map(() => least) }))).toBeCloseTo(0.55);
  });
});

describe('the rank of a dense score', () => {
  /** A list whose scores fall by 0.1 whenever its length doubles. */
  const falling = Array.from({ length: 64 }, (_, rank) => 1 - 0.1 * Math.log2(rank + 1));

  test('within the list is counted', () => {
    expect(expectedRank(falling, 0.9)).toBe(2);
  });

  test('beyond its end is what the fall of the scores predicts, and a half more', () => {
    expect(expectedRank(falling, 0.4 - 0.2) / 64).toBeCloseTo(1.5 * 4, 0);
  });

  test('is beyond all bounds where scores no longer fall', () => {
    expect(expectedRank([0.5, 0.5, 0.5, 0.5], 0.4)).toBe(Number.POSITIVE_INFINITY);
  });
});
