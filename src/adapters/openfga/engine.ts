import { randomBytes } from 'node:crypto';
import type { CheckResult, Engine } from '../../ports/engine.ts';
import type { EngineStores } from '../../ports/engine-stores.ts';
import type { OpenFgaClient } from './client.ts';
import { listedObjects } from './list-objects.ts';
import { OpenFgaUnusable, readJson } from './unusable.ts';
import { batchCheckAnswer, type CheckAnswer } from './wire.ts';

/**
 * Checks by an OpenFGA server, at higher consistency, under the pinned model. Each call asks under ids of its own,
 * never used before: an answer to another call, however it got here, then answers nothing.
 */
export function openFgaEngine(client: OpenFgaClient, stores: EngineStores): Engine {
  return {
    async listObjects({ tenant, signal, mark, ...question }) {
      const nonce = `${question.type}:${randomBytes(12).toString('hex')}`;
      const contextualTuples = [{ user: question.user, relation: mark, object: nonce }];
      const listed = await listedObjects(client, stores, tenant, { ...question, contextualTuples }, signal);
      if (!listed.includes(nonce)) throw new OpenFgaUnusable('its list is not one to this question');
      return listed.filter((object) => object !== nonce);
    },

    async batchCheck({ tenant, checks, context, contextualTuples, signal }) {
      const store = await stores.of(tenant);
      const nonce = randomBytes(12).toString('hex');
      const asked = checks.map((check, i) => ({ ...check, correlationId: `${nonce}-${i}` }));
      const text = await client.batchCheck(store, { checks: asked, context, contextualTuples }, signal);
      const answers = answersIn(text, nonce, asked.length);
      return checks.flatMap(({ correlationId }, i) => {
        const answer = answers.get(`${nonce}-${i}`);
        return answer === undefined ? [] : [{ correlationId, ...outcome(answer) }];
      });
    },
  };
}

/** By our ids. Throws for an answer that holds another id, or one of ours twice, of which JSON.parse shows the last. */
export function answersIn(text: string, nonce: string, asked: number): ReadonlyMap<string, CheckAnswer> {
  const body = readJson(batchCheckAnswer, text);
  if (body === undefined) throw new OpenFgaUnusable('its answer is not what it should be');
  const answers = new Map(Object.entries(body.result));
  const ours = new Set(Array.from({ length: asked }, (_, i) => `${nonce}-${i}`));
  if ([...answers.keys()].some((id) => !ours.has(id))) {
    throw new OpenFgaUnusable('it answered what was not asked');
  }
  // Nothing else in an answer can hold 96 random bits.
  if (text.split(nonce).length - 1 !== answers.size) {
    throw new OpenFgaUnusable('it gave more than one verdict on a check');
  }
  return answers;
}

function outcome({ allowed, error }: CheckAnswer): Omit<CheckResult, 'correlationId'> {
  if (error !== undefined && error !== null) {
    return { allowed: false, error: error.internal_error ?? error.input_error ?? 'error' };
  }
  return allowed === undefined ? { allowed: false, error: 'no verdict' } : { allowed };
}
