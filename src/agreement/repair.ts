import { setTimeout as sleep } from 'node:timers/promises';
import type { Repaired } from '../ports/ledger.ts';
import { changedKey, type TupleChange } from '../ports/tuple-log.ts';
import { batches } from '../types/batches.ts';
import { repeatedly } from '../types/repeatedly.ts';
import { type TupleKey, tupleKey } from '../types/tuple.ts';
import { OVERLAP_MS, ofOneHistory, readBoth, type Sides, unfollowed } from './compare.ts';
import { differences } from './differences.ts';

/** Milliseconds from one repair of a tenant to the next, by whichever copy of the service, and between two looks whether one is due. */
export const REPAIR_EVERY_MS = 5 * 60_000;
const LOOK_EVERY_MS = 30_000;
/** Milliseconds after which a copy that is still at it says so. */
const SAY_EVERY_MS = 60_000;
/** Milliseconds between two pages of 100 tuples: OpenFGA has others to answer. A million tuples take about five minutes. */
const PAUSE_MS = 20;
/** Milliseconds in which the follower of every copy has had its turn: what it brings is no repair. */
const FOLLOWED_MS = 2_000;
/** Tuples that are read again one by one, and how many of them go into one transaction. Where more differ, the rest is the next repair's. */
const MOST = 1_000;
const BATCH = 20;

/** `left`: tuples that seemed to differ, and were not come to or not settled in time. */
export type Repair = Repaired & { readonly left: number };

/** For the log: how many, never which. Undefined where there is nothing to say. */
export function repairLine({ written, deleted, left }: Repair): string | undefined {
  if (written + deleted + left === 0) return undefined;
  return [
    `Relationships that OpenFGA's log of changes had not told of: ${written} added to the database's copy, ${deleted} taken from it.`,
    ...(left === 0 ? [] : [`Not settled: ${left}. If that stays so, run "clearance index rebuild".`]),
  ].join(' ');
}

/** Puts right, every five minutes, what the engine's log of changes has not told of. A failure waits for the next time. */
export function startRepairs(
  sides: Sides,
  onRepaired: (repair: Repair) => void,
  onError: (error: unknown) => void,
  lookEveryMs = LOOK_EVERY_MS,
): { stop(): Promise<void> } {
  async function repairAll(signal: AbortSignal): Promise<void> {
    for (const tenant of await sides.ledger.tenants()) {
      try {
        const repair = await repairIfDue(sides, tenant, REPAIR_EVERY_MS, signal);
        if (repair !== undefined) onRepaired(repair);
      } catch (error) {
        if (signal.aborted) return;
        onError(error);
      }
    }
  }
  return repeatedly(lookEveryMs, repairAll, onError);
}

/** Undefined where another copy of the service is at it or was a while ago, or the tenant is closed. */
export async function repairIfDue(
  sides: Sides,
  tenant: string,
  everyMs: number,
  signal: AbortSignal,
): Promise<Repair | undefined> {
  if (!(await sides.ledger.takeRepair(tenant, everyMs))) return undefined;
  let said = Date.now();
  const repair = await repairCopy(sides, tenant, async (ms) => {
    await sleep(ms, undefined, { signal });
    if (Date.now() - said < SAY_EVERY_MS) return;
    said = Date.now();
    await sides.ledger.takeRepair(tenant, 0);
  });
  // The period is from the end of one to the beginning of the next.
  await sides.ledger.takeRepair(tenant, 0);
  return repair;
}

/** Only the copy is changed, never the engine. `pause` is between two requests of many. */
export async function repairCopy(
  sides: Sides,
  tenant: string,
  pause: (ms: number) => Promise<void>,
): Promise<Repair> {
  const { missing, surplus } = await differences(sides.ledger, sides.feed, tenant, () => pause(PAUSE_MS));
  const differing = [...new Map([...surplus, ...missing].map((key) => [tupleKey(key), key])).values()];
  if (differing.length > 0) await pause(FOLLOWED_MS);
  const repair = { written: 0, deleted: 0, left: Math.max(0, differing.length - MOST) };
  for (const keys of batches(differing.slice(0, MOST), BATCH)) {
    await pause(PAUSE_MS);
    const repaired = await repairTuples(sides, tenant, keys);
    repair.written += repaired?.written ?? 0;
    repair.deleted += repaired?.deleted ?? 0;
    if (repaired === undefined) repair.left += keys.length;
  }
  return repair;
}

/**
 * What each of these tuples is, as the engine says now, goes into the copy. Three things keep a change that is made
 * meanwhile: the version, where the copy holds it already; the follower, which has yet to bring it; and, where it changed
 * nothing in the copy and so left no version, the follower again, which comes back to the last `OVERLAP_MS` after any
 * change of the copy's version.
 *
 * Both sides are compared before and after: a restored engine's tuples must not get into the copy that tells how to undo them.
 */
async function repairTuples(
  sides: Sides,
  tenant: string,
  keys: readonly TupleKey[],
): Promise<Repaired | undefined> {
  const began = Date.now();
  const before = await readBoth(sides, tenant);
  if (!ofOneHistory(before)) return undefined;
  const coming = new Set(unfollowed(before).map((change) => tupleKey(changedKey(change))));
  const changes: TupleChange[] = [];
  for (const key of keys) {
    if (!coming.has(tupleKey(key))) changes.push(await asInEngine(sides, tenant, key));
  }
  const agreed = ofOneHistory(await readBoth(sides, tenant));
  if (!agreed || Date.now() - began > OVERLAP_MS) return undefined;
  return sides.ledger.repair(tenant, before.state.version, changes);
}

async function asInEngine({ feed }: Sides, tenant: string, key: TupleKey): Promise<TupleChange> {
  const tuple = await feed.one(tenant, key);
  return tuple === undefined ? { kind: 'deleted', key } : { kind: 'written', tuple };
}
