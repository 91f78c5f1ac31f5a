import type { FeedEntry, Generations, Ledger, LedgerState, TupleFeed } from '../ports/ledger.ts';
import { changedKey } from '../ports/tuple-log.ts';
import { type Tuple, tupleKey } from '../types/tuple.ts';

export type Sides = {
  readonly ledger: Ledger;
  readonly feed: TupleFeed;
  readonly generations: Generations;
  /** Grows with each failure of the store: the one that answers next may be another, or a restored one. */
  readonly storeFailures: () => number;
};

/** Milliseconds: the engine's log may show a change that late beside others of its time. Longer than one of its writes lasts. */
export const OVERLAP_MS = 5_000;

/** From where to read the engine's log again, so that the last change applied is in it, and what was late beside it. */
export function readFrom(last: FeedEntry | undefined): string | undefined {
  return last === undefined ? undefined : new Date(Date.parse(last.at) - OVERLAP_MS).toISOString();
}

export type Comparison = 'agree' | 'engine_older' | 'store_older';

/** Both sides, as they were read: the store, the engine's generation, the store again, the engine's log. */
export type Reading = {
  /** Of the store, before the engine's was read: what must have reached the engine by then. */
  readonly confirmed: number;
  readonly engineGeneration: number;
  /** Of the store, afterwards: what may have reached the engine by then. */
  readonly state: LedgerState;
  readonly log: readonly FeedEntry[];
};

export async function readBoth({ ledger, feed, generations }: Sides, tenant: string): Promise<Reading> {
  const { confirmed } = await ledger.state(tenant);
  const engineGeneration = await generations.current(tenant);
  const state = await ledger.state(tenant);
  return { confirmed, engineGeneration, state, log: await feed.changesSince(tenant, readFrom(state.last)) };
}

/**
 * Whether the store and the engine are of one history. Each leaves a mark in the other's data: the engine the
 * generation that the store gave out before a write, the store the last change that it saw in the engine's log.
 */
export function compare({ confirmed, engineGeneration, state, log }: Reading): Comparison {
  if (engineGeneration > state.generation) return 'store_older';
  if (engineGeneration < confirmed) return 'engine_older';
  const { last } = state;
  if (last !== undefined && !log.some((entry) => sameEntry(entry, last))) return 'engine_older';
  return 'agree';
}

/** What may be read of the engine is what the store's copy is a copy of. */
export function ofOneHistory(reading: Reading): boolean {
  return reading.state.closed === undefined && compare(reading) === 'agree';
}

/** What the log tells after the last change that the copy holds. */
export function unfollowed({ state: { last }, log }: Pick<Reading, 'state' | 'log'>): readonly FeedEntry[] {
  return last === undefined ? log : log.slice(log.findIndex((entry) => sameEntry(entry, last)) + 1);
}

export function sameEntry(a: FeedEntry, b: FeedEntry): boolean {
  return a.at === b.at && a.kind === b.kind && tupleKey(changedKey(a)) === tupleKey(changedKey(b));
}

/** What a log leads to, from what was there before it. */
export function after(tuples: readonly Tuple[], log: readonly FeedEntry[]): readonly Tuple[] {
  const held = new Map(tuples.map((tuple) => [tupleKey(tuple), tuple]));
  for (const entry of log) {
    if (entry.kind === 'written') held.set(tupleKey(entry.tuple), entry.tuple);
    else held.delete(tupleKey(entry.key));
  }
  return [...held.values()];
}
