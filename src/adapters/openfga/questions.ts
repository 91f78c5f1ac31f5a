import { randomBytes } from 'node:crypto';
import type { ConsistencyPreference } from '@openfga/sdk';
import type { Check } from '../../ports/engine.ts';
import type { EngineStore } from '../../ports/engine-stores.ts';
import type { Tuple } from '../../types/tuple.ts';
import type { OpenFgaClient } from './client.ts';
import { answersIn } from './engine.ts';
import { OpenFgaUnusable } from './unusable.ts';
import type { CheckAnswer } from './wire.ts';

/** The server is busy, or many copies start at once: such a question is worth asking again. */
const MOST_ATTEMPTS = 3;

/** The probe's questions in one batch: every answer, in order, none of them cut off by the server's time limit. */
export async function askAll(
  client: OpenFgaClient,
  store: EngineStore,
  questions: readonly Omit<Check, 'correlationId'>[],
  options: {
    readonly contextualTuples?: readonly Tuple[];
    readonly consistency?: ConsistencyPreference;
  } = {},
): Promise<readonly CheckAnswer[]> {
  for (let attempt = 1; ; attempt++) {
    const nonce = randomBytes(12).toString('hex');
    const checks = questions.map(({ user, relation, object }, i) => ({
      correlationId: `${nonce}-${i}`,
      user,
      relation,
      object,
    }));
    const answers = answersIn(await client.batchCheck(store, { checks, ...options }), nonce, checks.length);
    const inOrder = checks.flatMap(({ correlationId }) => answers.get(correlationId) ?? []);
    const complete = inOrder.length === checks.length && inOrder.every(({ error }) => !error?.internal_error);
    if (complete) return inOrder;
    if (attempt === MOST_ATTEMPTS) throw new OpenFgaUnusable('it leaves questions of the start unanswered');
  }
}
