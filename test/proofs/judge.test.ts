import { describe, expect, it } from 'vitest';
import type { BatchCheck, Engine } from '../../src/ports/engine.ts';
import type { Proofs } from '../../src/ports/proofs.ts';
import { Costs } from '../../src/retrieve/costs.ts';
import { Judge } from '../../src/retrieve/judge.ts';
import { type TupleKey, tupleKey } from '../../src/types/tuple.ts';
import type { Verdict } from '../../src/types/verdict.ts';

const anne = 'user:anne';
const member: TupleKey = { user: anne, relation: 'member', object: 'group:eng' };
const parentOf = (n: number): TupleKey => ({ user: 'folder:x', relation: 'parent', object: `document:${n}` });
const claimOn = (n: number): TupleKey => ({ user: anne, relation: 'can_read', object: `document:${n}` });
const numberOf = ({ object }: TupleKey) => Number(object.split(':')[1]);

/** Answers by what is in the set; an `error` for what is in the other one. */
function engineOf(allowed: readonly TupleKey[], failing: readonly TupleKey[] = []) {
  const [yes, broken] = [allowed, failing].map((keys) => new Set(keys.map(tupleKey)));
  const calls: BatchCheck[] = [];
  const engine: Engine = {
    async batchCheck(batch) {
      calls.push(batch);
      return batch.checks.map((check) => ({
        correlationId: check.correlationId,
        allowed: yes?.has(tupleKey(check)) === true,
        ...(broken?.has(tupleKey(check)) === true ? { error: 'deadline_exceeded' } : {}),
      }));
    },
  };
  return { engine, calls };
}

const asked = (calls: readonly BatchCheck[]) =>
  calls.map(({ checks }) => checks.map(({ user, relation, object }) => `${user} ${relation} ${object}`));

/** Each document is in a folder for all of whose members a group may read. */
function proofsOf(more: Partial<Proofs> = {}, stale: string[] = []): Proofs {
  return {
    reasons: {
      chains: (_, claims) => claims.map(() => []),
      size: () => undefined,
      stale: (tenant) => stale.push(tenant),
    },
    questionsOf: (claim) => [member, parentOf(numberOf(claim))],
    markOf: () => undefined,
    ...more,
  };
}

async function verdictsOn(
  engine: Engine,
  proofs: Proofs | undefined,
  claims: readonly TupleKey[],
): Promise<readonly Verdict[]> {
  const costs = new Costs();
  costs.took('checks', 50, 1e9);
  const judge = new Judge(engine, proofs && { proofs, costs }, 'acme', AbortSignal.timeout(10_000));
  const verdicts: Verdict[] = [];
  for await (const some of judge.on(claims)) verdicts.push(...some);
  return verdicts;
}

const text = ({ user, relation, object }: TupleKey) => `${user} ${relation} ${object}`;

describe('a judge with proofs', () => {
  it('asks for the links, each once, and says by which a claim was allowed', async () => {
    const { engine, calls } = engineOf([member, parentOf(1), parentOf(2)]);
    expect(await verdictsOn(engine, proofsOf(), [claimOn(1), claimOn(2)])).toEqual([
      { kind: 'allowed', by: { links: [member, parentOf(1)] } },
      { kind: 'allowed', by: { links: [member, parentOf(2)] } },
    ]);
    expect(asked(calls)).toEqual([[member, parentOf(1), parentOf(2)].map(text)]);
  });

  it.each<[string, readonly TupleKey[], readonly TupleKey[]]>([
    ['denied', [member], []],
    ['undetermined', [member, parentOf(1)], [parentOf(1)]],
  ])('asks a claim whole where one of its links is %s', async (_, allowed, failing) => {
    const { engine, calls } = engineOf([...allowed, claimOn(1)], failing);
    expect(await verdictsOn(engine, proofsOf(), [claimOn(1)])).toEqual([{ kind: 'allowed', by: 'check' }]);
    expect(asked(calls)[1]).toEqual([text(claimOn(1))]);
    const denying = engineOf(allowed, failing);
    expect(await verdictsOn(denying.engine, proofsOf(), [claimOn(1)])).toEqual([{ kind: 'denied' }]);
  });

  it('tells the index that it is stale where a relationship that it shows is not there', async () => {
    const stale: string[] = [];
    await verdictsOn(engineOf([member]).engine, proofsOf({}, stale), [claimOn(1)]);
    expect(stale).toEqual(['acme']);
    await verdictsOn(engineOf([parentOf(1)]).engine, proofsOf({}, stale), [claimOn(1)]);
    expect(stale, 'the principal may be denied what relationships lead to').toEqual(['acme']);
  });

  it('asks all that proves one claim in one call, and at most 50 questions a call', async () => {
    const claims = Array.from({ length: 120 }, (_, n) => claimOn(n));
    const { engine, calls } = engineOf([member, ...claims.map((claim) => parentOf(numberOf(claim)))]);
    const verdicts = await verdictsOn(engine, proofsOf(), claims);
    expect(verdicts.every(({ kind }) => kind === 'allowed')).toBe(true);
    for (const call of asked(calls)) {
      expect(call.length).toBeLessThanOrEqual(50);
      expect(call).toContain(text(member));
    }
    expect(calls).toHaveLength(3);
  });

  it('keeps the order where some are proved, some asked whole, and some denied', async () => {
    const proofs = proofsOf({
      questionsOf: (claim) => (numberOf(claim) % 3 === 0 ? undefined : [member, parentOf(numberOf(claim))]),
    });
    const claims = Array.from({ length: 90 }, (_, n) => claimOn(n));
    const isAllowed = (n: number) => n % 7 !== 0;
    const { engine } = engineOf([
      member,
      ...claims.filter((claim) => isAllowed(numberOf(claim))),
      ...claims.filter((claim) => isAllowed(numberOf(claim))).map((claim) => parentOf(numberOf(claim))),
    ]);
    const verdicts = await verdictsOn(engine, proofs, claims);
    expect(verdicts.map(({ kind }) => kind)).toEqual(
      claims.map((claim) => (isAllowed(numberOf(claim)) ? 'allowed' : 'denied')),
    );
    for (const [n, verdict] of verdicts.entries()) {
      if (verdict.kind !== 'allowed') continue;
      expect(verdict.by).toEqual(n % 3 === 0 ? 'check' : { links: [member, parentOf(n)] });
    }
  });

  it('takes no proof of nothing for one', async () => {
    const { engine } = engineOf([]);
    const proofs = proofsOf({ questionsOf: () => [] });
    expect(await verdictsOn(engine, proofs, [claimOn(1)])).toEqual([{ kind: 'denied' }]);
  });
});

describe("a judge with the engine's list", () => {
  const proofs = proofsOf({
    reasons: { chains: (_, claims) => claims.map(() => undefined), size: () => 1, stale: () => {} },
    markOf: () => 'viewer',
  });
  const listing = (engine: Engine, listed: () => Promise<readonly string[]>): Engine => ({
    ...engine,
    listObjects: listed,
  });

  it('believes its yes, and asks whole what is not on it', async () => {
    const { engine, calls } = engineOf([claimOn(2)]);
    const asking = listing(engine, async () => ['document:1']);
    expect(await verdictsOn(asking, proofs, [claimOn(1), claimOn(2), claimOn(3)])).toEqual([
      { kind: 'allowed', by: 'list' },
      { kind: 'allowed', by: 'check' },
      { kind: 'denied' },
    ]);
    expect(asked(calls)).toEqual([[text(claimOn(2)), text(claimOn(3))]]);
  });

  it('asks all of them whole where there is none', async () => {
    const { engine } = engineOf([claimOn(1)]);
    const failing = listing(engine, () => Promise.reject(new Error('no list')));
    expect(await verdictsOn(failing, proofs, [claimOn(1)])).toEqual([{ kind: 'allowed', by: 'check' }]);
  });

  it('never asks for one where it may hold what a check denies', async () => {
    const { engine } = engineOf([]);
    const asking = listing(engine, async () => ['document:1']);
    expect(await verdictsOn(asking, { ...proofs, markOf: () => undefined }, [claimOn(1)])).toEqual([
      { kind: 'denied' },
    ]);
  });
});

describe('what calls have cost', () => {
  const silent: Engine = { batchCheck: () => Promise.reject(new Error('away')) };

  it('is not learned from an engine that does not answer', async () => {
    const costs = new Costs();
    const before = [costs.of('links', 10), costs.of('checks', 10)];
    const judge = new Judge(silent, { proofs: proofsOf(), costs }, 'acme', AbortSignal.timeout(10_000));
    for await (const some of judge.on([claimOn(1)])) expect(some[0]?.kind).toBe('undetermined');
    expect([costs.of('links', 10), costs.of('checks', 10)]).toEqual(before);
  });

  it('of a method that was last used while many asked is not held against it when few do', () => {
    const costs = new Costs();
    for (let i = 0; i < 100; i += 1) costs.took('links', 13, 120);
    // Then few ask, for whom a list is the best.
    for (let i = 0; i < 10; i += 1) costs.took('list', 50, 8);
    const estimates = { links: costs.of('links', 13), list: costs.of('list', 500) };
    expect(costs.choose(estimates)).toBe('links');
    expect(estimates.links).toBeLessThan(60);
  });

  it('of a method does not make others look cheaper by being unsteady', () => {
    const costs = new Costs();
    const relation = () => costs.of('list', 500) / costs.of('links', 13);
    const before = relation();
    for (let i = 0; i < 5_000; i += 1) costs.took('links', 13, i % 4 === 0 ? 21 : 1);
    expect(relation() / before).toBeGreaterThan(0.5);
  });

  it('is learned from one that does', async () => {
    const costs = new Costs();
    const before = costs.of('links', 10);
    const { engine } = engineOf([member, parentOf(1)]);
    const judge = new Judge(engine, { proofs: proofsOf(), costs }, 'acme', AbortSignal.timeout(10_000));
    for await (const some of judge.on([claimOn(1)])) expect(some[0]?.kind).toBe('allowed');
    expect(costs.of('links', 10)).not.toBe(before);
  });
});

it('a judge asks nothing whole before what is proved has been taken', async () => {
  const claims = [claimOn(1), claimOn(2)];
  const { engine, calls } = engineOf([member, parentOf(1), claimOn(2)]);
  const costs = new Costs();
  costs.took('checks', 50, 1e9);
  const judge = new Judge(engine, { proofs: proofsOf(), costs }, 'acme', AbortSignal.timeout(10_000));
  for await (const some of judge.on(claims)) {
    expect(some).toEqual([{ kind: 'allowed', by: { links: [member, parentOf(1)] } }]);
    break;
  }
  expect(calls).toHaveLength(1);
});

describe('costs', () => {
  it('choose what has cost least, and only among what can be had', () => {
    const costs = new Costs();
    expect(costs.choose({ checks: 3 })).toBe('checks');
    expect(costs.choose({ checks: 3, links: 2, list: 1 })).toBe('list');
    expect(costs.choose({ checks: 3, links: 2 })).toBe('links');
  });

  it('follow what is measured, with what a call costs before its first question', () => {
    const costs = new Costs();
    for (let i = 0; i < 600; i += 1) costs.took('links', 1 + (i % 40), 20 + 2 * (1 + (i % 40)));
    for (const [amount, ms] of [
      [1, 22],
      [20, 60],
      [100, 220],
    ] as const) {
      expect(costs.of('links', amount) / ms).toBeGreaterThan(0.75);
      expect(costs.of('links', amount) / ms).toBeLessThan(1.33);
    }
  });

  it.each([
    [[[5, 10]]],
    [
      [
        [1, 100],
        [50, 1],
      ],
    ],
    [
      [
        [10, 1],
        [20, 100],
      ],
    ],
  ] as const)('are never below nothing, whatever is measured: %j', (points) => {
    const costs = new Costs();
    for (let i = 0; i < 500; i += 1) for (const [amount, ms] of points) costs.took('links', amount, ms);
    for (const amount of [1, 10, 1_000]) expect(costs.of('links', amount)).toBeGreaterThan(0);
  });

  it('now and then go to what was measured longest ago, which could have become cheaper', () => {
    const costs = new Costs();
    const chosen = Array.from({ length: 400 }, () => {
      const method = costs.choose({ checks: 2, links: 1 });
      costs.took(method, 10, 10);
      return method;
    });
    expect(chosen.filter((method) => method === 'checks')).toHaveLength(4);
  });

  it('but not where it is expected to cost many times as much', () => {
    const costs = new Costs();
    const chosen = Array.from({ length: 400 }, () => costs.choose({ list: 1_000, links: 1 }));
    expect(new Set(chosen)).toEqual(new Set(['links']));
  });
});
