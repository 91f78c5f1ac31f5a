import { describe, expect, it, test } from 'vitest';
import { forStemmer, lexicalQuery } from '../../src/adapters/postgres/search/bm25.ts';

const lexeme = (name: string, dimension: number, chunks: number) => ({ lexeme: name, dimension, chunks });

describe('lexicalQuery', () => {
  const weightsOf = (...some: Parameters<typeof lexicalQuery>) => {
    const { sparse = '', bound = 0 } = lexicalQuery(...some) ?? {};
    const weights = [...sparse.matchAll(/[{,]\d+:([\d.]+)/g)].map(([, weight]) => Number(weight));
    expect(sparse).toMatch(/\/536870912$/);
    expect(bound).toBeCloseTo(weights.reduce((sum, weight) => sum + weight * 2.2, 0));
    return weights;
  };

  test('weighs a rarer lexeme more', () => {
    const [tarn = 0, cold = 0] = weightsOf([lexeme('cold', 2, 900), lexeme('tarn', 1, 30)], 1_000);
    expect(tarn).toBeGreaterThan(cold);
  });

  test.each([
    [1_000, 10, 11],
    // In a small collection ten are many.
    [36, 6, 7],
  ])('does not tell, in %i chunks, whether a lexeme is in %i of them or in none', (chunks, most, more) => {
    const of = (count: number) => weightsOf([lexeme('falcon', 1, count)], chunks);
    expect(of(1)).toEqual(of(0));
    expect(of(most)).toEqual(of(0));
    expect(of(more)).not.toEqual(of(0));
  });

  test('is nothing where there is no lexeme', () => {
    expect(lexicalQuery([], 100)).toBeUndefined();
  });

  test('takes candidates from the rarest until 2,000, always from one, and bounds what it left out', () => {
    const query = lexicalQuery([lexeme('a', 1, 1_500), lexeme('b', 2, 400), lexeme('c', 3, 5_000)], 100_000);
    expect(query?.rarest).toBe("'b' | 'a'");
    expect(query?.boundWithoutRarest).toBeGreaterThan(0);
    expect(lexicalQuery([lexeme('c', 3, 50_000)], 100_000)?.rarest).toBe("'c'");
    expect(lexicalQuery([lexeme('c', 3, 50_000)], 100_000)?.boundWithoutRarest).toBe(0);
    expect(lexicalQuery([lexeme('c', 3, 50_000), lexeme('zzz', 4, 0)], 100_000)?.rarest).toBe("'zzz' | 'c'");
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
