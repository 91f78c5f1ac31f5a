import { expect, it } from 'vitest';
import type { Engine } from '../../src/ports/engine.ts';
import { type Watched, watchProofs } from '../../src/retrieve/watch-proofs.ts';
import type { Principal } from '../../src/types/principal.ts';
import { type TupleKey, tupleKey } from '../../src/types/tuple.ts';

const claim: TupleKey = { user: 'user:anne', relation: 'can_read', object: 'document:plan' };
const principal = {
  tenant: 'acme',
  issuer: 'issuer',
  subject: 'user:anne',
  chain: [] as readonly string[],
} as Principal;
const link: TupleKey = { user: 'user:anne', relation: 'viewer', object: 'folder:x' };

const decided = {
  principal,
  decisionId: 'decision',
  reasons: new Map([['plan', [{ claim, by: { links: [link] } }]]]),
};

/** What each question is answered, time after time: the last answer stays. */
function engineOf(answers: ReadonlyMap<TupleKey, readonly (boolean | 'error')[]>): Engine {
  const times = new Map<string, number>();
  const byKey = new Map([...answers].map(([key, of]) => [tupleKey(key), of]));
  return {
    batchCheck: async ({ checks }) =>
      checks.map((check) => {
        const key = tupleKey(check);
        const time = times.get(key) ?? 0;
        times.set(key, time + 1);
        const of = byKey.get(key) ?? [];
        const answer = of[Math.min(time, of.length - 1)] ?? false;
        const { correlationId } = check;
        return answer === 'error'
          ? { correlationId, allowed: false, error: 'busy' }
          : { correlationId, allowed: answer };
      }),
  };
}

it.each<[Watched, readonly (boolean | 'error')[], readonly (boolean | 'error')[]]>([
  ['agreed', [true], [true]],
  ['changed', [false], [false]],
  ['changed', [false, true], [true]],
  ['differed', [false], [true]],
  ['undecided', [false, 'error'], [true]],
  ['undecided', [false], ['error']],
])('what was proved and is asked again whole has %s', async (outcome, whole, links) => {
  const { promise, resolve } = Promise.withResolvers<readonly unknown[]>();
  const engine = engineOf(
    new Map([
      [claim, whole],
      [link, links],
    ]),
  );
  const watch = watchProofs(engine, 1, (...reported) => resolve(reported));
  watch(decided);
  expect(await promise).toEqual([outcome, 1, 'decision']);
});

it('of what was proved only the share that is configured', () => {
  let calls = 0;
  const engine: Engine = {
    batchCheck: async () => {
      calls += 1;
      return [];
    },
  };
  let drawn = 0.5;
  const watch = watchProofs(
    engine,
    0.1,
    () => {},
    () => drawn,
  );
  watch(decided);
  expect(calls).toBe(0);
  drawn = 0.05;
  watch(decided);
  expect(calls).toBe(1);
});
