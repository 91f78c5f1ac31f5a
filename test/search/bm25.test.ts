import { describe, expect, it, test } from 'vitest';
import { forStemmer, lexicalQuery } from '../../src/adapters/postgres/search/bm25.ts';

const lexeme = (name: string, dimension: number, chunks: number) => ({ lexeme: name, dimension, chunks });

describe('lexicalQuery', () => {
  test('weighs a rarer lexeme more, and none that no chunk has', () => {
    const query = lexicalQuery([lexeme('cold', 2, 90), lexeme('tarn', 1, 3), lexeme('zzz', 3, 0)], 100);
    const weights = /^\{1:([\d.]+),2:([\d.]+)\}\/536870912$/.exec(query?.sparse ?? '');
    expect(Number(weights?.[1])).toBeGreaterThan(Number(weights?.[2]));
    expect(query?.bound).toBeCloseTo((Number(weights?.[1]) + Number(weights?.[2])) * 2.2);
  });

  test('is nothing where no lexeme is known', () => {
    expect(lexicalQuery([], 100)).toBeUndefined();
    expect(lexicalQuery([lexeme('zzz', 3, 0)], 100)).toBeUndefined();
  });

  test('takes candidates from the rarest until 2,000, always from one, and bounds what it left out', () => {
    const query = lexicalQuery([lexeme('a', 1, 1_500), lexeme('b', 2, 400), lexeme('c', 3, 5_000)], 100_000);
    expect(query?.rarest).toBe("'b' | 'a'");
    expect(query?.boundWithoutRarest).toBeGreaterThan(0);
    expect(lexicalQuery([lexeme('c', 3, 50_000)], 100_000)?.rarest).toBe("'c'");
    expect(lexicalQuery([lexeme('c', 3, 50_000)], 100_000)?.boundWithoutRarest).toBe(0);
  });

  test('quotes lexemes, and stays above zero when a count runs ahead of the collection', () => {
    expect(lexicalQuery([lexeme("o'neil\\", 1, 1)], 10)?.rarest).toBe("'o''neil\\\\'");
    expect(lexicalQuery([lexeme('a', 1, 12)], 10)?.bound).toBeGreaterThan(0);
  });
});

describe('a text as the stemmer is given it', () => {
  it.each([
    ['It was added, adding errors: Egging.', 'It was add, add errors: Egg.'],
    // Postgres ends a word at an underscore.
    ['pods_added and added_per_sync', 'pods_add and add_per_sync'],
    ['padded, paddings, adder', 'padded, paddings, adder'],
  ])('%s', (text, given) => {
    expect(forStemmer(text)).toBe(given);
  });
});
