import { setTimeout as sleep } from 'node:timers/promises';
import type { Documents, OutboxStep } from '../src/ports/documents.ts';
import { MAX_TUPLES_A_WRITE, type Relationships, type TupleChanges } from '../src/ports/engine.ts';
import { batches } from '../src/types/batches.ts';
import { difference } from '../src/types/tuple.ts';
import { ownTuples } from './relationships.ts';

export type Publishing = {
  readonly documents: Documents;
  readonly relationships: Relationships;
  readonly guarded: { readonly type: string };
  /** Whether the model has a `but not` behind the guarded relation: taking a tuple away may then widen. */
  readonly removalMayWiden: boolean;
  /** Told of every step that failed and will be retried. */
  readonly onError: (error: unknown) => void;
};

/** Seconds: twice as long at each attempt. */
const MAX_RETRY_SECONDS = 60;
/** How long a writer waits while another carries out the document's steps, before it is told `pending`: longer than a lease. */
const PATIENCE_MS = 45_000;

/**
 * Carries out what the outbox holds for one document, in order, and says whether nothing is left. A step
 * that fails is given back, to be retried: until then the document stays as the steps before left it.
 */
export async function settle(
  parts: Publishing,
  documentNo: number,
  patienceMs = PATIENCE_MS,
): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const step = await parts.documents.lease(documentNo);
    if (step === undefined) return true;
    if (step === 'busy') {
      if (Date.now() >= deadline) return false;
      await sleep(25);
      continue;
    }
    try {
      await carryOut(parts, step);
    } catch (error) {
      parts.onError(error);
      await parts.documents.postpone(step, Math.min(MAX_RETRY_SECONDS, 2 ** step.attempt));
      return false;
    }
  }
}

/**
 * Take away, hide, add, publish: at no moment is an old text readable under wider relationships, nor
 * a new one under older ones.
 */
async function carryOut(parts: Publishing, step: OutboxStep): Promise<void> {
  const { documents, relationships, guarded } = parts;
  const object = `${guarded.type}:${step.documentId}`;
  // The store's changes are fenced by the step's row, the engine's are not: so before each the lease is made sure of.
  // A holder would have to stall for a whole lease (30 s) between the renewal and the request it sends next, which
  // itself has 5 s, for a write of its to follow one of the next holder's.
  const write = async (changes: TupleChanges) => {
    await documents.renew(step);
    await relationships.write(step.tenant, changes);
  };

  if (step.step === 'delete') {
    const own = await relationships.ofObject(step.tenant, object);
    const mentions = await relationships.mentioning(step.tenant, object);
    await inBatches([...own, ...mentions], (deletes) => write({ writes: [], deletes }));
    await documents.remove(step);
    return;
  }

  const published = (await documents.find(step.tenant, step.documentId))?.publishedVersion;
  const narrows = step.step === 'narrow';
  const inPlace = narrows || published === step.version;
  let hidden = published === undefined;
  const hide = async () => {
    if (!hidden) await documents.hide(step);
    hidden = true;
  };

  if (step.relationships !== undefined) {
    const current = await relationships.ofObject(step.tenant, object);
    const { deletes, writes } = difference(current, ownTuples(object, step.relationships));
    const adds = narrows ? [] : writes;
    const widens = parts.removalMayWiden && deletes.length > 0;
    const atOnce = deletes.length <= MAX_TUPLES_A_WRITE && adds.length === 0;
    if (widens && (narrows || !inPlace || !atOnce)) await hide();
    await inBatches(deletes, (batch) => write({ writes: [], deletes: batch }));
    if (adds.length > 0 && !inPlace) await hide();
    await inBatches(adds, (batch) => write({ writes: batch, deletes: [] }));
  }
  if (narrows || (inPlace && !hidden)) await documents.done(step);
  else await documents.publish(step);
}

async function inBatches<T>(
  tuples: readonly T[],
  write: (batch: readonly T[]) => Promise<unknown>,
): Promise<void> {
  for (const batch of batches(tuples, MAX_TUPLES_A_WRITE)) await write(batch);
}

/** Carries out what is due and was left behind: by a failure, a crash or another copy of the service. */
export function startOutboxWorker(parts: Publishing): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const done = (async () => {
    while (!stopped.signal.aborted) {
      try {
        for (const no of await parts.documents.due(20)) await settle(parts, no, 0);
      } catch (error) {
        parts.onError(error);
      }
      await sleep(1_000, undefined, { signal: stopped.signal }).catch(() => {});
    }
  })();
  return {
    async stop() {
      stopped.abort();
      await done;
    },
  };
}
