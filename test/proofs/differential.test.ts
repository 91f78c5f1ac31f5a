import { describe, expect, it } from 'vitest';
import { type Model, modelFromDsl } from '../../src/evaluator/model.ts';
import { MAX_STEPS } from '../../src/permission-index/walk.ts';
import { Ways } from '../../src/permission-index/ways.ts';
import type { Engine } from '../../src/ports/engine.ts';
import { linksOf } from '../../src/proofs/links.ts';
import { type ProofRules, proofRules } from '../../src/proofs/rules.ts';
import { Costs } from '../../src/retrieve/costs.ts';
import { Judge } from '../../src/retrieve/judge.ts';
import type { Link } from '../../src/types/link.ts';
import { type Tuple, type TupleKey, tupleKey } from '../../src/types/tuple.ts';
import type { Verdict } from '../../src/types/verdict.ts';
import { Server, type Store } from '../differential/server.ts';
import { realParts } from '../support/real-parts.ts';
import { graphOf } from './chains.ts';
import { differ } from './differ.ts';

/** The long run is `npm run test:proofs`. */
const WORLDS = Number(process.env.PROOF_DIFFERENTIAL_WORLDS ?? 80);
const ROUNDS = Number(process.env.PROOF_ROUNDS ?? 30);
const SEED = Number(process.env.DIFFERENTIAL_SEED ?? 20_261_124);

const openfga = realParts()?.openfga;

describe.skipIf(openfga === undefined)('verdicts by proofs and full checks of a real OpenFGA server', () => {
  if (openfga === undefined) return;
  const server = new Server(openfga);

  it(`are the same in ${WORLDS} generated worlds, whatever the index says`, {
    timeout: 3_600_000,
  }, async () => {
    const { wrong, lost, ...totals } = await differ(server, { worlds: WORLDS, seed: SEED });
    console.log(totals);
    expect(wrong).toEqual([]);
    expect(lost).toEqual([]);
    expect(totals.proved).toBeGreaterThan(WORLDS / 2);
    expect(totals.provedByLies).toBeGreaterThan(WORLDS / 10);
    expect(totals.listed).toBeGreaterThan(WORLDS / 2);
    expect(totals.whole).toBeGreaterThan(WORLDS / 2);
  });

  it('would not be if a claim counted as proved with one of its links denied', {
    timeout: 600_000,
  }, async () => {
    const { wrong } = await differ(server, { worlds: 60, seed: SEED, spoil: { engine: anyLinkIsEnough } });
    expect(wrong.length).toBeGreaterThan(0);
  });

  describe('would not be without the rule', () => {
    const anne = 'user:anne';
    const modelOf = (viewer: string, editor: string) =>
      modelFromDsl(`model
      schema 1.1
    type user
    type group
      relations
        define member: [user, group#member]
    type document
      relations
        define banned: [user]
        define editor: ${editor}
        define viewer: ${viewer}
        define can_read: viewer`);
    const inGroup = { user: anne, relation: 'member', object: 'group:a' };
    const banned = { user: anne, relation: 'banned', object: 'document:x' };
    const asViewers = { user: 'group:a#member', relation: 'viewer', object: 'document:x' };
    const asEditors = { ...asViewers, relation: 'editor' };

    it.each<[string, Model, readonly Tuple[], (rules: ProofRules) => ProofRules]>([
      [
        // The engine answers for the group by another branch than the one that the index shows.
        'that a userset is asked only where no branch takes anything away',
        modelOf('[group#member] or editor', '[group#member] but not banned'),
        [inGroup, banned, asEditors],
        (rules) => ({ ...rules, takesUsersets: () => true }),
      ],
      [
        'that what stands before a `but not` is not enough',
        modelOf('[group#member] but not banned', '[user]'),
        [inGroup, banned, asViewers],
        (rules) => ({ ...rules, takesUsersets: () => true, isEnough: () => true }),
      ],
    ])('%s', async (_, model, tuples, spoil) => {
      const claim = { user: anne, relation: 'can_read', object: 'document:x' };
      const told = [inGroup, asViewers];
      await withStoreOf(model, tuples, async (store) => {
        const rules = proofRules(model);
        const honest = judgeBy(rules, store.engine({}), told);
        expect(await verdictsOf(honest, [claim])).toEqual([{ kind: 'denied' }]);
        const spoiled = judgeBy(spoil(rules), store.engine({}), told);
        expect(await verdictsOf(spoiled, [claim])).toMatchObject([{ kind: 'allowed' }]);
      });
    });
  });

  async function withStoreOf<T>(
    model: Model,
    tuples: readonly Tuple[],
    work: (store: Store) => Promise<T>,
  ): Promise<T> {
    const store = await server.openStore(model.json);
    if (store === undefined) throw new Error('the server refused the model');
    try {
      await store.write(tuples);
      return await work(store);
    } finally {
      await store.close();
    }
  }

  describe('of one model:', () => {
    const model = modelFromDsl(`model
      schema 1.1
    type user
    type group
      relations
        define member: [user, group#member]
    type folder
      relations
        define viewer: [user, group#member]
    type document
      relations
        define parent: [folder]
        define viewer: [user, group#member] or viewer from parent
        define can_read: viewer`);
    const anne = 'user:anne';
    const claimOn = (object: string): TupleKey => ({ user: anne, relation: 'can_read', object });

    const withStore = <T>(tuples: readonly Tuple[], work: (store: Store) => Promise<T>) =>
      withStoreOf(model, tuples, work);

    /** By the ways that an index with these tuples shows, be they there or not. */
    const judgeOf = (engine: Engine, told: readonly Tuple[]) => judgeBy(proofRules(model), engine, told);

    it('groups in groups, up to the depth at which a full check gives up, and beyond it', async () => {
      const depths = Array.from({ length: 32 }, (_, i) => i + 1);
      const group = (n: number) => `group:g${n}`;
      const tuples = [
        { user: anne, relation: 'member', object: group(1) },
        ...depths.map((n) => ({ user: `${group(n)}#member`, relation: 'member', object: group(n + 1) })),
        ...depths.map((n) => ({ user: `${group(n)}#member`, relation: 'viewer', object: `document:${n}` })),
      ];
      await withStore(tuples, async (store) => {
        const claims = depths.map((n) => claimOn(`document:${n}`));
        const verdicts = await verdictsOf(judgeOf(store.engine({}), tuples), claims);
        const whole = await store.check({ contextual: [], context: {} }, claims);
        expect(whole).toContain('allowed');
        expect(whole).toContain('error');
        for (const [i, verdict] of verdicts.entries()) {
          if (verdict.kind === 'allowed') expect(whole[i], `${depths[i]} deep`).toBe('allowed');
        }
        expect(verdicts.filter(({ kind }) => kind === 'allowed').length).toBeGreaterThan(15);
      });
    });

    const inGroup = { user: anne, relation: 'member', object: 'group:g' };
    const start = [
      inGroup,
      { user: 'group:g#member', relation: 'viewer', object: 'folder:f' },
      { user: 'folder:f', relation: 'parent', object: 'document:open' },
    ];
    const secret = { user: 'folder:f', relation: 'parent', object: 'document:secret' };

    /** anne leaves the group between two rounds of one request, and then the secret is put where she could read. */
    async function secretAfterLeaving(engineOf: (store: Store) => Engine): Promise<readonly string[]> {
      return withStore(start, async (store) => {
        const judge = judgeOf(engineOf(store), [...start, secret]);
        const first = await verdictsOf(judge, [claimOn('document:open')]);
        expect(first[0]).toMatchObject({ kind: 'allowed', by: { links: expect.any(Array) } });
        await store.delete([inGroup]);
        await store.write([secret]);
        const second = await verdictsOf(judge, [claimOn('document:secret')]);
        return second.map(({ kind }) => kind);
      });
    }

    it('who leaves a group between two rounds does not get what is put there then', async () => {
      expect(await secretAfterLeaving((store) => store.engine({}))).toEqual(['denied']);
    });

    it('and would, if a link counted longer than its round', async () => {
      expect(await secretAfterLeaving((store) => remembering(store.engine({})))).toEqual(['allowed']);
    });

    /** While anne leaves the group and then, for a moment, the secret is put there, she asks for it all the time. */
    async function askedAllAlong(engineOf: (store: Store) => Engine) {
      const yes = { begunAfterLeaving: 0, begunBefore: { links: 0, check: 0 } };
      await withStore(start.slice(1), async (store) => {
        const judge = judgeOf(engineOf(store), [...start, secret]);
        for (let round = 0; round < ROUNDS; round += 1) {
          await store.write([inGroup]);
          const now = { left: false, over: false };
          const ask = async (by: 'links' | 'check') => {
            while (!now.over) {
              const { left } = now;
              const yesses =
                by === 'links'
                  ? (await verdictsOf(judge, [claimOn('document:secret')])).map(({ kind }) => kind)
                  : await store.check({ contextual: [], context: {} }, [claimOn('document:secret')]);
              if (!yesses.includes('allowed')) continue;
              if (left) yes.begunAfterLeaving += 1;
              else yes.begunBefore[by] += 1;
            }
          };
          const asking = Promise.all([ask('links'), ask('links'), ask('check'), ask('check')]);
          await store.delete([inGroup]);
          now.left = true;
          await store.write([secret]);
          await verdictsOf(judge, [claimOn('document:open')]);
          await store.delete([secret]);
          now.over = true;
          await asking;
        }
      });
      return yes;
    }

    it(`who has left a group gets nothing that is put there while a call is under way (${ROUNDS} times)`, {
      timeout: 600_000,
    }, async () => {
      const yes = await askedAllAlong((store) => store.engine({}));
      console.log('yes to calls that began before the leaving was acknowledged', yes.begunBefore);
      expect(yes.begunAfterLeaving).toBe(0);
    });

    it('and would, if links counted longer than one call', { timeout: 600_000 }, async () => {
      expect(
        (await askedAllAlong((store) => remembering(store.engine({})))).begunAfterLeaving,
      ).toBeGreaterThan(0);
    });

    it('what has changed since the index was told is asked whole, and nobody loses by it', async () => {
      await withStore(
        [...start, { user: anne, relation: 'viewer', object: 'document:open' }],
        async (store) => {
          await store.delete([inGroup]);
          const judge = judgeOf(store.engine({}), start);
          expect(await verdictsOf(judge, [claimOn('document:open')])).toEqual([
            { kind: 'allowed', by: 'check' },
          ]);
        },
      );
    });
  });
});

/** As if one allowed link of a call were enough for all of it. */
function anyLinkIsEnough(engine: Engine): Engine {
  return {
    async batchCheck(batch) {
      const results = await engine.batchCheck(batch);
      const some = results.some(({ allowed }) => allowed);
      return results.map((result) => ({ correlationId: result.correlationId, allowed: some }));
    },
  };
}

/** Answers what it has once allowed from memory. */
function remembering(engine: Engine): Engine {
  const known = new Set<string>();
  return {
    async batchCheck(batch) {
      const results = await engine.batchCheck(batch);
      return results.map((result, i) => {
        const check = batch.checks[i];
        const key = check === undefined ? '' : tupleKey(check);
        if (result.allowed) known.add(key);
        return { ...result, allowed: known.has(key) };
      });
    },
  };
}

function judgeBy(rules: ProofRules, engine: Engine, told: readonly Tuple[]): Judge {
  const graph = graphOf({ model: rules.model, tuples: told }, 'document', 'can_read');
  const costs = new Costs();
  costs.took('checks', 50, 1e9);
  const proofs = {
    reasons: {
      chains: (_: string, claims: readonly TupleKey[]) =>
        claims.map(({ user, object }) => new Ways(graph, user, MAX_STEPS).to(object)),
      size: () => undefined,
      stale: () => {},
    },
    questionsOf: (claim: TupleKey, chain: readonly Link[]) => linksOf(rules, claim, chain),
    markOf: () => undefined,
  };
  return new Judge(engine, { proofs, costs }, 'any', AbortSignal.timeout(60_000));
}

async function verdictsOf(judge: Judge, claims: readonly TupleKey[]): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for await (const some of judge.on(claims)) verdicts.push(...some);
  return verdicts;
}
