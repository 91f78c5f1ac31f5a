import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../ports/audit.ts';
import type { Holding } from '../ports/documents.ts';
import { MAX_TUPLES_A_WRITE, type Relationships } from '../ports/engine.ts';
import type { FeedEntry, LedgerState } from '../ports/ledger.ts';
import { batches } from '../types/batches.ts';
import { difference, type Tuple, type TupleKey, tupleKey } from '../types/tuple.ts';
import { after, type Comparison, compare, readBoth, type Sides } from './compare.ts';

export type Reconciling = Sides & {
  readonly relationships: Pick<Relationships, 'write'>;
  readonly documents: Holding;
  readonly audit: AuditLog;
  readonly guarded: { readonly type: string };
};

/** What was found and done, for the operator; of each list the whole. */
export type Reconciliation = {
  readonly found: Comparison;
  /** Taken out of the engine: revoked access that the restored server had brought back. */
  readonly deleted: readonly TupleKey[];
  /** Written to the engine again. */
  readonly written: readonly Tuple[];
  /** Documents hidden until they are sent again: their text may be older than their relationships. */
  readonly held: readonly string[];
  /** Differences of the ledger alone, put right: something had been missed in the engine's log. */
  readonly ledger: number;
};

/** What to do, decided before anything is done. `target`: what the ledger is to hold in the end. */
type Plan = Reconciliation & {
  readonly target: readonly Tuple[];
  readonly generation: number;
  /** Of the engine's log, read before its tuples: what comes after it is the follower's. */
  readonly last: FeedEntry | undefined;
};

/**
 * Makes both sides of one history again, in the direction that gives nobody more than the newer side did.
 *
 * An older engine gets what the ledger holds, and what was changed in it since it was restored. An older store takes
 * over the engine's relationships, and every document whose readers may be others by these than by the store's own copy,
 * or that the restored outbox would still change, is hidden until it is sent again.
 */
export async function reconcile(
  parts: Reconciling,
  tenant: string,
  dryRun: boolean,
): Promise<Reconciliation> {
  const { target, generation, last, ...outcome } = await plan(parts, tenant);
  if (dryRun) return outcome;
  await parts.audit.append({
    tenant,
    decisionId: randomUUID(),
    event: 'reconcile',
    issuer: 'clearance',
    subject: 'operator',
    chain: [],
    details: {
      ...outcome,
      deleted: outcome.deleted.map(tupleKey),
      written: outcome.written.map(tupleKey),
    },
  });
  if (outcome.found === 'store_older') await parts.documents.hold(tenant, outcome.held);
  for (const deletes of batches(outcome.deleted, MAX_TUPLES_A_WRITE)) {
    await parts.relationships.write(tenant, { writes: [], deletes });
  }
  for (const writes of batches(outcome.written, MAX_TUPLES_A_WRITE)) {
    await parts.relationships.write(tenant, { writes, deletes: [] });
  }
  await parts.generations.raise(tenant, generation);
  await parts.ledger.replace(tenant, target, last, generation);
  return outcome;
}

async function plan(parts: Reconciling, tenant: string): Promise<Plan> {
  const reading = await readBoth(parts, tenant);
  const { state, log, engineGeneration } = reading;
  const found = compare(reading);
  const last = (await parts.feed.changesSince(tenant)).at(-1);
  const [inEngine, inLedger] = [await parts.feed.all(tenant), await parts.ledger.tuples(tenant)];
  const generation = Math.max(state.generation, engineGeneration);
  const nothing = { deleted: [], written: [], held: [], ledger: 0 };

  if (found === 'engine_older') {
    const target = after(inLedger, await sinceRestored(parts, tenant, state, log));
    const { deletes: deleted, writes: written } = difference(inEngine, target);
    return { ...nothing, found, deleted, written, target, generation, last };
  }
  const { deletes, writes } = difference(inLedger, inEngine);
  const differing: readonly TupleKey[] = [...deletes, ...writes];
  const agreed = { ...nothing, found, ledger: differing.length, target: inEngine, generation, last };
  if (found === 'agree') return agreed;

  return { ...agreed, held: (await inDoubt(parts, tenant, differing)).toSorted() };
}

/** Writes of what the ledger last saw deleted are left out: they may be from before the loss. */
async function sinceRestored(
  { ledger }: Reconciling,
  tenant: string,
  { last }: LedgerState,
  log: readonly FeedEntry[],
): Promise<readonly FeedEntry[]> {
  const since = log.filter(({ at }) => last !== undefined && at > last.at);
  const writes = since.flatMap((entry) => (entry.kind === 'written' ? [entry.tuple] : []));
  const deleted = new Set((await ledger.deleted(tenant, writes)).map(tupleKey));
  return since.filter((entry) => entry.kind === 'deleted' || !deleted.has(tupleKey(entry.tuple)));
}

/**
 * Documents whose text may be older than what lets people read it. A difference anywhere else, in a group or a folder, may
 * have given any of them new readers.
 */
async function inDoubt(
  { documents, guarded }: Reconciling,
  tenant: string,
  differing: readonly TupleKey[],
): Promise<readonly string[]> {
  const prefix = `${guarded.type}:`;
  if (differing.some(({ object }) => !object.startsWith(prefix))) return documents.all(tenant);
  const own = differing.map(({ object }) => object.slice(prefix.length));
  return [...new Set([...own, ...(await documents.unfinished(tenant))])];
}
