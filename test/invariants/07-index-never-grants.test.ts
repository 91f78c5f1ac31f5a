import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { embeddedEngine } from '../../src/adapters/embedded-engine/embedded-engine.ts';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { Engine, Relationships } from '../../src/ports/engine.ts';
import type { Proofs } from '../../src/ports/proofs.ts';
import type { TupleLog } from '../../src/ports/tuple-log.ts';
import { linksOf } from '../../src/proofs/links.ts';
import { proofRules } from '../../src/proofs/rules.ts';
import { Costs } from '../../src/retrieve/costs.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import type { Link } from '../../src/types/link.ts';
import { allowsAll } from '../support/engines.ts';
import { joinStore } from '../support/parts.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';

const model = modelFromDsl(`model
  schema 1.1
type user
type agent
type document
  relations
    define viewer: [user, agent]
    define can_read: viewer`);
const tuple = { user: 'user:bob', relation: 'viewer', object: 'document:plan' };
const request = { query: 'plan' };

let service: TestService;
/** Without the permission index. */
let wide: Awaited<ReturnType<typeof unnarrowed>>;
let elsewhere: Database;
let bob: string;
/** Relationships as another process writes them, over a pool of its own. */
let other: Relationships & TupleLog;

beforeAll(async () => {
  service = await openTestService();
  wide = await unnarrowed(service);
  elsewhere = await joinStore(service.config.dataDir);
  other = postgresRelationships(elsewhere);
  bob = await service.token('bob');
});
beforeEach(async () => {
  await put(service.write, await writer(service), 'plan', 'The plan.', ['user:anne', 'user:bob']);
});
afterAll(async () => {
  await wide.close();
  await elsewhere.close();
  await service.close();
});

const found = async (engine: Engine = service.read.engine) =>
  (await retrieve({ ...service.read, index: wide.index, engine }, bob, request)).results.length;

/** A copy that is refreshed now and then, and not before each answer. */
function stale(log: TupleLog): TupleLog {
  let version: Promise<number> | undefined;
  return { ...log, version: (tenant) => (version ??= log.version(tenant)) };
}

describe('the permission index', () => {
  const foundBy = async (read: ReadPath, subject: string) =>
    (await retrieve(read, await service.token(subject), request)).results.length;
  /** An index that takes everyone for somebody else. */
  const mistaking = (as: string): ReadPath['index'] => ({
    ...service.read.index,
    open: (question, signal) => service.read.index.open({ ...question, readers: [as] }, signal),
  });

  it('grants nothing by listing too much', async () => {
    for (const index of [wide.index, mistaking('user:bob')]) {
      expect(await foundBy({ ...service.read, index, engine: allowsAll }, 'carl')).toBe(1);
      expect(await foundBy({ ...service.read, index }, 'carl')).toBe(0);
      expect(await foundBy({ ...service.read, index }, 'bob')).toBe(1);
    }
  });

  describe('by a proof', () => {
    const chain: readonly Link[] = [
      { kind: 'tuple', ...tuple, object: 'document:plan' },
      { kind: 'computed', object: 'document:plan', from: 'viewer', relation: 'can_read' },
    ];
    const bobs = [tuple];
    const costs = new Costs();
    costs.took('checks', 50, 1e9);
    /** Shows whoever asks the relationship of somebody else. */
    const proving = (questionsOf: Proofs['questionsOf']): ReadPath => ({
      ...service.read,
      index: wide.index,
      shortCuts: () => ({
        costs,
        proofs: {
          reasons: { chains: (_, claims) => claims.map(() => chain), size: () => undefined, stale: () => {} },
          questionsOf,
          markOf: () => undefined,
        },
      }),
    });

    it('grants nothing, whatever it shows: it is held against the model, and asked for whoever asks', async () => {
      const honest = proving((claim, shown) => linksOf(proofRules(model), claim, shown));
      expect(await foundBy(honest, 'carl')).toBe(0);
      expect(await foundBy(honest, 'bob')).toBe(1);
    });

    it('would grant, if its questions were asked as it shows them', async () => {
      expect(
        await foundBy(
          proving(() => bobs),
          'carl',
        ),
      ).toBe(1);
    });
  });

  it('only takes away by listing too little', async () => {
    expect(await foundBy({ ...service.read, index: mistaking('user:carl') }, 'bob')).toBe(0);
    expect(await foundBy(service.read, 'bob')).toBe(1);
  });
});

describe("the engine's copy is never older than the database", () => {
  it('forgets what another process takes away', async () => {
    const staleEngine = embeddedEngine(model, stale(other));
    expect([await found(staleEngine), await found(staleEngine), await found()]).toEqual([1, 1, 1]);
    await other.write('default', { writes: [], deletes: [tuple] });
    expect(await found(staleEngine)).toBe(1);
    expect(await found()).toBe(0);
  });

  it('learns what another process adds', async () => {
    await other.write('default', { writes: [], deletes: [tuple] });
    expect(await found()).toBe(0);
    await other.write('default', { writes: [tuple], deletes: [] });
    expect(await found()).toBe(1);
  });

  it('is asked after the search has come up with candidates, not before', async () => {
    const revokesMeanwhile: ReadPath['index'] = {
      ...service.read.index,
      async open(question, signal) {
        const search = await service.read.index.open(question, signal);
        const next = async (count: number) => {
          const documents = await search.next(count);
          await other.write('default', { writes: [], deletes: [tuple] });
          return documents;
        };
        return { ...search, next };
      },
    };
    expect(await found()).toBe(1);
    const { results } = await retrieve({ ...service.read, index: revokesMeanwhile }, bob, request);
    expect(results).toEqual([]);
  });

  it('is one state for all checks of a batch while others write', async () => {
    const pair = [tuple, { ...tuple, object: 'document:twin' }];
    await other.write('default', { writes: [], deletes: pair });
    const ask = () =>
      service.read.engine.batchCheck({
        tenant: 'default',
        checks: pair.map(({ user, object }, i) => ({
          correlationId: `c${i}`,
          user,
          relation: 'can_read',
          object,
        })),
        signal: AbortSignal.timeout(10_000),
      });
    const writing = (async () => {
      for (let i = 0; i < 10; i++) {
        await other.write('default', { writes: pair, deletes: [] });
        await other.write('default', { writes: [], deletes: pair });
      }
    })();
    const answers = await Promise.all(Array.from({ length: 30 }, ask));
    await writing;
    for (const answer of answers) expect(answer[0]?.allowed).toBe(answer[1]?.allowed);
  });
});

describe('the watermark of an answer', () => {
  const watermark = async (read: ReadPath = service.read) => (await retrieve(read, bob, request)).watermark;

  it('moves with the relationships, and only with them', async () => {
    const first = await watermark();
    expect(await watermark()).toBe(first);
    await other.write('default', { writes: [], deletes: [tuple] });
    const second = await watermark();
    expect(second).not.toBe(first);

    await service.token('anne', { tenant: 'another' });
    await other.write('another', { writes: [tuple], deletes: [] });
    expect(await watermark()).toBe(second);
  });

  it('is not newer than the relationships that the verdicts are as of', async () => {
    const before = await watermark();
    const order: string[] = [];
    const read: ReadPath = {
      ...service.read,
      index: {
        ...service.read.index,
        async open(question, signal) {
          const search = await service.read.index.open(question, signal);
          order.push(`as of ${search.watermark}`);
          return search;
        },
      },
      engine: {
        async batchCheck(batch) {
          order.push('check');
          const verdicts = await service.read.engine.batchCheck(batch);
          await other.write('default', { writes: [], deletes: [tuple] });
          return verdicts;
        },
      },
    };
    expect(await watermark(read)).toBe(before);
    expect(order).toEqual([`as of ${before}`, 'check']);
  });
});
