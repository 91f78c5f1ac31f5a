import { describe, expect, test } from 'vitest';
import {
  affordableLength,
  chooseExactRoute,
  chooseRoute,
  completeRank,
  DEFAULT_TUNING,
  type Extent,
  expectedLength,
  lengthFor,
  type Tuning,
} from '../../src/adapters/postgres/search/choose-route.ts';

/** In the time of a scan the vector index brings more than ten thousand chunks of a million. */
const tuning: Tuning = { listed: 10, scanned: 1, scored: 5, visited: 100 };
const of = (rows: number, more: Partial<Extent> = {}): Extent => ({
  rows,
  total: 1_000_000,
  listable: true,
  indexed: true,
  ...more,
});

describe('the route', () => {
  test.each([
    [10, 'listed'],
    [1_000, 'listed'],
    [15_000, 'listed'],
    [60_000, 'approximate'],
    [1_000_000, 'approximate'],
  ])('to %i of a million rows is %s', (rows, route) => {
    expect(chooseRoute(of(rows), tuning)).toBe(route);
  });

  test.each([
    [10, 'listed'],
    [190_000, 'listed'],
    [210_000, 'scan'],
  ])('to %i of them without a vector index is %s', (rows, route) => {
    expect(chooseRoute(of(rows, { indexed: false }), tuning)).toBe(route);
  });

  test('is a scan where nobody knows the documents, and nothing can be looked up', () => {
    expect(chooseExactRoute(of(10, { listable: false }), tuning)).toBe('scan');
  });

  test('is never the vector index for as many rows as a usual question asks for', () => {
    expect(chooseRoute(of(10, { total: 10 }), { ...tuning, visited: 1e-9 })).toBe('scan');
    expect(chooseRoute(of(0, { total: 0 }), { ...tuning, visited: 1e-9 })).toBe('listed');
  });

  test('is the vector index only where its first look costs little beside exact search', () => {
    expect(chooseRoute(of(50_000, { total: 50_000 }), { ...tuning, visited: 599 })).toBe('approximate');
    expect(chooseRoute(of(50_000, { total: 50_000 }), { ...tuning, visited: 601 })).toBe('scan');
  });

  test('lets the vector index bring what costs as much as going exact at once', () => {
    expect(affordableLength(of(50_000), tuning)).toBe(5_000);
    expect(affordableLength(of(1_000_000), tuning)).toBe(60_000);
  });

  test('by the usual costs: a few rows are listed, of very many the vector index finds the nearest', () => {
    expect(chooseRoute(of(100), DEFAULT_TUNING)).toBe('listed');
    expect(chooseRoute(of(1_000_000), DEFAULT_TUNING)).toBe('approximate');
  });
});

test('a list is several times as long as the part of it that is taken for complete, and never short', () => {
  for (const rank of [0, 1, 10, 333, 1_000]) {
    expect(lengthFor(rank)).toBeGreaterThan(200 + 3 * rank);
    expect(completeRank(lengthFor(rank))).toBe(rank);
    expect(completeRank(lengthFor(rank) - 1)).toBe(Math.max(0, rank - 1));
  }
  expect(completeRank(100)).toBe(0);
});

test('a list is as long as the share that may be found demands', () => {
  expect(expectedLength(of(1_000_000), 10)).toBe(lengthFor(11));
  expect(expectedLength(of(100_000), 10)).toBe(lengthFor(100 + 30 + 1));
});
