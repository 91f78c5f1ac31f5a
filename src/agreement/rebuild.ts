import type { Repaired } from '../ports/ledger.ts';
import { changedKey, type TupleChange } from '../ports/tuple-log.ts';
import { ClearanceError } from '../types/errors.ts';
import { type TupleKey, tupleKey } from '../types/tuple.ts';
import { ofOneHistory, readBoth, readFrom, type Sides, unfollowed } from './compare.ts';
import { type Differences, differences } from './differences.ts';

export type Rebuilt = Repaired & Pick<Differences, 'inEngine'>;

/**
 * Makes the copy what the engine holds, however much differs. What was changed while it was read is in the engine's log,
 * which is read after it; what changes after that is left alone by its version, or is the follower's, as in a repair.
 */
export async function rebuild(sides: Sides, tenant: string): Promise<Rebuilt> {
  const { state } = await readAgreed(sides, tenant);
  const { inEngine, missing, surplus } = await differences(sides.ledger, sides.feed, tenant);
  const changes: readonly TupleChange[] = [
    ...surplus.map((key) => ({ kind: 'deleted' as const, key })),
    ...missing.map((tuple) => ({ kind: 'written' as const, tuple })),
  ];
  await readAgreed(sides, tenant);
  const log = await sides.feed.changesSince(tenant, readFrom(state.last));
  return { inEngine, ...(await sides.ledger.repair(tenant, state.version, [...changes, ...log])) };
}

/** Of one moment, as far as that can be had of a service that runs. */
export type Agreement = Pick<Differences, 'inEngine' | 'inLedger'> & {
  readonly missing: number;
  readonly surplus: number;
  /** Tuples that differ and that the follower has yet to bring. */
  readonly coming: number;
};

/** How far the copy is what the engine holds. What the follower has yet to bring is no difference. */
export async function verifyCopy(sides: Sides, tenant: string): Promise<Agreement> {
  const before = await readAgreed(sides, tenant);
  const { inEngine, inLedger, missing, surplus } = await differences(sides.ledger, sides.feed, tenant);
  const log = await sides.feed.changesSince(tenant, readFrom(before.state.last));
  const unseen = new Set(unfollowed({ ...before, log }).map((entry) => tupleKey(changedKey(entry))));
  const counted = (keys: readonly TupleKey[]) => keys.filter((key) => !unseen.has(tupleKey(key))).length;
  const coming = new Set([...missing, ...surplus].map(tupleKey).filter((key) => unseen.has(key)));
  return {
    inEngine,
    inLedger,
    missing: counted(missing),
    surplus: counted(surplus),
    coming: coming.size,
  };
}

async function readAgreed(sides: Sides, tenant: string) {
  const reading = await readBoth(sides, tenant);
  if (ofOneHistory(reading)) return reading;
  throw new ClearanceError(
    'engine_unavailable',
    `The database and the OpenFGA server are of different moments for tenant ${tenant}: run "clearance reconcile" first.`,
  );
}
