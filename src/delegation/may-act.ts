import type { Engine } from '../ports/engine.ts';
import { Verdicts } from '../retrieve/verdicts.ts';
import { CAN_ACT_FOR } from '../types/delegation.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Principal } from '../types/principal.ts';
import type { TupleKey } from '../types/tuple.ts';

export type Delegations = {
  readonly engine: Engine;
  /** Whether the authorization model has this relation on this type. */
  readonly defines: (type: string, relation: string) => boolean;
};

/** Of all questions of one chain; the engine's own deadlines end them sooner. */
const DEADLINE_MS = 10_000;
/** OpenFGA's limit on the object of a tuple, shorter than on its user. Of ASCII, so characters are bytes. */
const MAX_OBJECT_BYTES = 256;

/** What has to hold for a chain: each agent may act for the person, and for the agent that handed the task to it. */
export function questionsOf({ subject, chain }: Principal): readonly TupleKey[] {
  return chain.flatMap((agent, i) =>
    [subject, ...chain.slice(i + 1, i + 2)].map((object) => ({
      user: agent,
      relation: CAN_ACT_FOR,
      object,
    })),
  );
}

/** Throws `delegation_not_allowed` unless the engine says, now, that every agent of the chain may act as it does. */
export async function requireMayAct({ engine, defines }: Delegations, principal: Principal): Promise<void> {
  const questions = questionsOf(principal);
  for (const { object } of questions) {
    const [type = ''] = object.split(':');
    if (!defines(type, CAN_ACT_FOR)) {
      throw notAllowed(
        `The authorization model has no relation "${CAN_ACT_FOR}" on ${type}, so nobody can act for one by delegation.`,
      );
    }
    if (object.length > MAX_OBJECT_BYTES) {
      throw notAllowed(
        `A name of more than ${MAX_OBJECT_BYTES} bytes can be no object of a relationship, so nobody can be allowed to act for it.`,
      );
    }
  }
  let at = 0;
  const signal = AbortSignal.timeout(DEADLINE_MS);
  for await (const verdicts of new Verdicts(engine, principal.tenant, signal).on(questions)) {
    for (const { kind } of verdicts) {
      const question = questions[at];
      at += 1;
      if (kind === 'undetermined') throw noVerdict();
      if (kind !== 'allowed' || question === undefined) {
        throw notAllowed(`${question?.user} may not act for ${question?.object} ("${CAN_ACT_FOR}").`);
      }
    }
  }
  if (at !== questions.length) throw noVerdict();
}

function notAllowed(because: string): ClearanceError {
  return new ClearanceError('delegation_not_allowed', `${because} Nothing was released.`);
}

function noVerdict(): ClearanceError {
  return new ClearanceError(
    'engine_unavailable',
    'The authorization engine did not say whether an agent may act for whom it does, so nothing was released. Try again.',
  );
}
