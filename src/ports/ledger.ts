import type { Tuple, TupleKey } from '../types/tuple.ts';
import type { TupleChanges } from './engine.ts';
import type { TupleChange } from './tuple-log.ts';

/** One line of the engine's own log of changes. */
export type FeedEntry = TupleChange & {
  /** RFC 3339, by the engine's clock. */
  readonly at: string;
};

/** What the engine keeps of its own: needed only where that is not our own store. */
export interface TupleFeed {
  /**
   * Every change made at or after `since` (absent: from the beginning), oldest first. One that is being committed
   * at this moment may be missing: read again from a little earlier.
   */
  changesSince(tenant: string, since?: string): Promise<readonly FeedEntry[]>;
  /** Every tuple there is now. */
  all(tenant: string): Promise<readonly Tuple[]>;
  /** The same a page at a time, each read when it is asked for; what changes meanwhile may be missing or there. */
  pages(tenant: string): AsyncIterable<readonly Tuple[]>;
  /** This tuple as it is now, with its condition; undefined where it is not there. */
  one(tenant: string, key: TupleKey): Promise<Tuple | undefined>;
}

/** A number kept in the engine's database, beside the relationships, so that a backup of one is a backup of both. */
export interface Generations {
  /** The highest number raised to so far; 0 before the first. */
  current(tenant: string): Promise<number>;
  /**
   * Resolves once the number is at least `generation`. With `above` it throws where the number is below that, or
   * `generation` is there already: then one side was restored since both were compared, and this would hide it.
   */
  raise(tenant: string, generation: number, above?: number): Promise<void>;
}

/** How far the ledger has followed the engine. */
export type LedgerState = {
  /** Of the copy: grows with each change of it. */
  readonly version: number;
  /** The last change that was applied; absent before the first. */
  readonly last?: FeedEntry;
  /** The highest generation given out, and the highest whose changes are known to be in the engine. */
  readonly generation: number;
  readonly confirmed: number;
  /** Why the service is closed to this tenant until `clearance reconcile`; absent while it is open. */
  readonly closed?: string;
};

/** How many tuples of the copy were put right. A changed condition is both. */
export type Repaired = { readonly written: number; readonly deleted: number };

/** The store's copy of an engine's relationships, with how far it has come. */
export interface Ledger {
  /** Tenants that have a store in the engine. */
  tenants(): Promise<readonly string[]>;
  state(tenant: string): Promise<LedgerState>;
  /** Gives out the next generation, and says what the engine must be at by now. */
  nextGeneration(tenant: string): Promise<{ readonly generation: number; readonly confirmed: number }>;
  /** One transaction: what was written under this generation is in the engine, and now in the copy. */
  confirm(tenant: string, generation: number, changes: TupleChanges): Promise<void>;
  /**
   * One transaction: brings the copy to what `changes` lead to, each tuple's last change counting, and notes `last`. Tuples
   * that were confirmed since `from` was read are left alone: `changes` may be older. False, and nothing done, where
   * another copy of the service has come further than `from` meanwhile.
   */
  apply(
    tenant: string,
    from: Pick<LedgerState, 'last' | 'version'>,
    changes: readonly TupleChange[],
    last: FeedEntry,
  ): Promise<boolean>;
  close(tenant: string, reason: string): Promise<void>;
  tuples(tenant: string): Promise<readonly Tuple[]>;
  /** The same a page at a time; what changes meanwhile may be missing or there. */
  pages(tenant: string): AsyncIterable<readonly Tuple[]>;
  /** Those of these tuples that the copy last saw deleted. */
  deleted(tenant: string, keys: readonly TupleKey[]): Promise<readonly TupleKey[]>;
  /** One transaction: the copy becomes exactly `tuples`, as of `last`, and the tenant is open again. */
  replace(
    tenant: string,
    tuples: readonly Tuple[],
    last: FeedEntry | undefined,
    generation: number,
  ): Promise<void>;
  /**
   * True for one copy of the service in each `periodMs`, and never while the tenant is closed. With 0 whoever is at it
   * says that it still is.
   */
  takeRepair(tenant: string, periodMs: number): Promise<boolean>;
  /**
   * One transaction: brings the copy to what `changes` lead to, each tuple's last change counting. Tuples that the copy
   * has changed since `version` are left alone, for `changes` may be older; all are while the tenant is closed.
   */
  repair(tenant: string, version: number, changes: readonly TupleChange[]): Promise<Repaired>;
}
