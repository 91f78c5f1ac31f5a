import { describe, expect, test } from 'vitest';
import {
  affordableLength,
  chooseExactRoute,
  chooseRoute,
  completeRank,
  type Extent,
  expectedLength,
  lengthFor,
  type Tuning,
  usualTuning,
} from '../../src/adapters/postgres/search/choose-route.ts';

/** In the time of a scan the vector index brings more than ten thousand chunks of a million. */
const tuning: Tuning = { listed: 10, scanned: 1, scored: 5, visited: 100, least: 230, forEachRank: 3.5 };
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
    expect(chooseRoute(of(10_000, { total: 50_000 }), { ...tuning, visited: 199 })).toBe('approximate');
    expect(chooseRoute(of(10_000, { total: 50_000 }), { ...tuning, visited: 201 })).toBe('listed');
  });

  test('lets the vector index bring what costs as much as going exact at once', () => {
    expect(affordableLength(of(50_000), tuning)).toBe(5_000);
    expect(affordableLength(of(1_000_000), tuning)).toBe(60_000);
  });

  test('by the usual costs: a few rows are listed, of very many the vector index finds the nearest', () => {
    expect(chooseRoute(of(100), usualTuning(256))).toBe('listed');
    expect(chooseRoute(of(1_000_000), usualTuning(256))).toBe('approximate');
  });
});

test('a list is complete up to the rank that its length was made for, and none further', () => {
  for (const lists of [tuning, { least: 12.5, forEachRank: 1 }]) {
    for (const rank of [0, 1, 10, 333, 1_000]) {
      expect(completeRank(lengthFor(rank, lists), lists)).toBe(rank);
      expect(completeRank(lengthFor(rank, lists) - 1, lists)).toBe(Math.max(0, rank - 1));
    }
  }
  expect(completeRank(100, tuning)).toBe(0);
});

test('a list is as long as the share that may be found demands', () => {
  expect(expectedLength(of(1_000_000), 10, tuning)).toBe(lengthFor(11, tuning));
  expect(expectedLength(of(100_000), 10, tuning)).toBe(lengthFor(100 + 30 + 1, tuning));
});

test('wide vectors make a scan dear, and not a look at one chunk', () => {
  const [narrow, wide] = [usualTuning(100), usualTuning(1_536)];
  expect(wide.scanned).toBeGreaterThan(10 * narrow.scanned);
  expect(wide.scored).toBeGreaterThan(10 * narrow.scored);
  expect(wide.visited).toBe(narrow.visited);
});
