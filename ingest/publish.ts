import { setTimeout as sleep } from 'node:timers/promises';
import type { Documents, OutboxStep } from '../src/ports/documents.ts';
import { MAX_TUPLES_A_WRITE, type Relationships } from '../src/ports/engine.ts';
import type { Tuple, TupleKey } from '../src/types/tuple.ts';
import { difference, ownTuples } from './relationships.ts';

export type Publishing = {
  readonly documents: Documents;
  readonly relationships: Relationships;
  readonly guarded: { readonly type: string };
  /** Whether the model has a `but not` behind the guarded relation: taking a tuple away may then widen. */
  readonly removalMayWiden: boolean;
  /** Told of every step that failed and will be retried. */
  readonly onError: (error: unknown) => void;
};

const RETRY_SECONDS = 5;
/** How long a writer waits while another carries out the document's steps, before it is told `pending`: longer than a lease. */
const PATIENCE_MS = 45_000;

/**
 * Carries out what the outbox holds for one document, in order, and says whether nothing is left. A step
 * that fails is given back, to be retried: until then the document stays as the steps before left it.
 */
export async function settle(parts: Publishing, documentNo: number): Promise<boolean> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const step = await parts.documents.lease(documentNo);
    if (step === undefined) return true;
    if (step === 'busy') {
      if (Date.now() > deadline) return false;
      await sleep(25);
      continue;
    }
    try {
      await carryOut(parts, step);
    } catch (error) {
      parts.onError(error);
      await parts.documents.postpone(step, RETRY_SECONDS);
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

  if (step.step === 'delete') {
    const mentions = await relationships.mentioning(step.tenant, object);
    await takeAway(relationships, step.tenant, [
      ...(await relationships.ofObject(step.tenant, object)),
      ...mentions,
    ]);
    await documents.remove(step);
    return;
  }

  const published = (await documents.find(step.tenant, step.documentId))?.publishedVersion;
  const inPlace = step.step === 'narrow' || published === step.version;
  if (step.relationships !== undefined) {
    const current = await relationships.ofObject(step.tenant, object);
    const { deletes, writes } = difference(current, ownTuples(object, step.relationships));
    const replaces = published !== undefined && !inPlace;
    if (replaces && parts.removalMayWiden && deletes.length > 0) await documents.hide(step);
    await takeAway(relationships, step.tenant, deletes);
    if (step.step === 'publish' && writes.length > 0) {
      if (replaces) await documents.hide(step);
      await add(relationships, step.tenant, writes);
    }
  }
  if (inPlace) await documents.done(step);
  else await documents.publish(step);
}

async function takeAway(
  relationships: Relationships,
  tenant: string,
  tuples: readonly TupleKey[],
): Promise<void> {
  for (let i = 0; i < tuples.length; i += MAX_TUPLES_A_WRITE) {
    await relationships.write(tenant, { writes: [], deletes: tuples.slice(i, i + MAX_TUPLES_A_WRITE) });
  }
}

async function add(relationships: Relationships, tenant: string, tuples: readonly Tuple[]): Promise<void> {
  for (let i = 0; i < tuples.length; i += MAX_TUPLES_A_WRITE) {
    await relationships.write(tenant, { writes: tuples.slice(i, i + MAX_TUPLES_A_WRITE), deletes: [] });
  }
}

/** Carries out what is due and was left behind: by a failure, a crash or another copy of the service. */
export function startOutboxWorker(parts: Publishing): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const done = (async () => {
    while (!stopped.signal.aborted) {
      try {
        for (const no of await parts.documents.due(20)) await settle(parts, no);
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
