import type { Documents, OutboxStep } from '../ports/documents.ts';
import type { Engine, Relationships } from '../ports/engine.ts';
import type { Generations, Ledger } from '../ports/ledger.ts';
import type { CandidateIndex } from '../ports/search.ts';
import { ClearanceError } from '../types/errors.ts';
import { OVERLAP_MS } from './compare.ts';
import type { Follower } from './follower.ts';

/** A verdict counts only of an engine that is of one history with the store. */
export function agreedEngine(engine: Engine, follower: Follower): Engine {
  const listObjects = engine.listObjects?.bind(engine);
  return {
    async batchCheck(batch) {
      await follower.confirm(batch.tenant);
      // Who has waited too long says nothing of the engine.
      batch.signal.throwIfAborted();
      const results = await doubtOnFailure(follower, batch.tenant, () => engine.batchCheck(batch));
      if (results.some(({ error }) => error !== undefined)) follower.doubt(batch.tenant);
      return results;
    },
    ...(listObjects === undefined
      ? {}
      : {
          async listObjects(question) {
            await follower.confirm(question.tenant);
            question.signal.throwIfAborted();
            return doubtOnFailure(follower, question.tenant, () => listObjects(question));
          },
        }),
  };
}

type Announcing = {
  readonly ledger: Pick<Ledger, 'nextGeneration' | 'confirm'>;
  readonly generations: Pick<Generations, 'raise'>;
};

/**
 * Each batch is announced on both sides before it is written, and is in the ledger before it is acknowledged: so
 * neither side can be restored unnoticed, and what was acknowledged is known if the engine is.
 */
export function agreedRelationships(
  relationships: Relationships,
  follower: Follower,
  announcing: Announcing,
): Relationships {
  return {
    ...relationships,
    async write(tenant, changes) {
      await follower.confirm(tenant);
      return doubtOnFailure(follower, tenant, async () => {
        const began = Date.now();
        const generation = await announce(announcing, tenant);
        const outcome = await relationships.write(tenant, changes);
        if (Date.now() - began > OVERLAP_MS) throw tooLate();
        await announcing.ledger.confirm(tenant, generation, changes);
        return outcome;
      });
    },
  };
}

async function announce({ ledger, generations }: Announcing, tenant: string): Promise<number> {
  const { generation, confirmed } = await ledger.nextGeneration(tenant);
  await generations.raise(tenant, generation, confirmed);
  return generation;
}

/** It may be in force, and is not acknowledged: what others did after it may be in the ledger already. The follower brings it. */
function tooLate(): ClearanceError {
  return new ClearanceError(
    'engine_unavailable',
    'The authorization engine took too long to write. Send it again.',
  );
}

export function agreedIndex(index: CandidateIndex, follower: Follower): CandidateIndex {
  return {
    ...index,
    async open(question, signal) {
      await follower.confirm(question.tenant);
      return index.open(question, signal);
    },
  };
}

/**
 * What a writer is told was kept must survive the reconciliation, so while it is due nothing is kept. A text is announced
 * too: a database restored from before it would show the older one under relationships written since.
 */
export function agreedDocuments(documents: Documents, follower: Follower, announcing: Announcing): Documents {
  const announced = (change: (step: OutboxStep) => Promise<void>) => (step: OutboxStep) =>
    doubtOnFailure(follower, step.tenant, async () => {
      await follower.confirm(step.tenant);
      await announce(announcing, step.tenant);
      await change(step);
    });
  return {
    ...documents,
    async claim(tenant, id, source) {
      follower.refuseIfClosed(tenant);
      return documents.claim(tenant, id, source);
    },
    async find(tenant, id) {
      follower.refuseIfClosed(tenant);
      return documents.find(tenant, id);
    },
    publish: announced((step) => documents.publish(step)),
    remove: announced((step) => documents.remove(step)),
  };
}

async function doubtOnFailure<T>(follower: Follower, tenant: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    follower.doubt(tenant);
    throw error;
  }
}
