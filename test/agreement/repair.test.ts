import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openFgaRelationships } from '../../src/adapters/openfga/relationships.ts';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { openServer } from '../../src/adapters/postgres/server.ts';
import { OVERLAP_MS, type Sides } from '../../src/agreement/compare.ts';
import { differences } from '../../src/agreement/differences.ts';
import { startFollower } from '../../src/agreement/follower.ts';
import { agreedRelationships } from '../../src/agreement/gate.ts';
import { rebuild, verifyCopy } from '../../src/agreement/rebuild.ts';
import {
  REPAIR_EVERY_MS,
  type Repair,
  repairCopy,
  repairIfDue,
  repairLine,
  startRepairs,
} from '../../src/agreement/repair.ts';
import { readConfig } from '../../src/config.ts';
import { openMeter } from '../../src/metrics/meter.ts';
import { openSides } from '../../src/operations.ts';
import type { Relationships } from '../../src/ports/engine.ts';
import type { Ledger, TupleFeed } from '../../src/ports/ledger.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';

const tenant = 'default';
const tuple = (user: string): Tuple => ({
  user: `user:${user}`,
  relation: 'viewer',
  object: 'document:plan',
});
const [anne, bob, carl] = [tuple('anne'), tuple('bob'), tuple('carl')];
const never = new AbortController().signal;

describe.skipIf(realParts() === undefined)('a repair of the copy', () => {
  let installation: Installation;
  let database: Database;
  let sides: Sides;
  /** As somebody else writes to the server. */
  let direct: Relationships;

  beforeEach(async () => {
    installation = await install();
    database = openServer(installation.database.serviceUrl);
    const opened = await openSides(openfga(installation), database);
    sides = opened.sides;
    direct = {
      ...openFgaRelationships(opened.client, opened.stores),
      watermark: (tenant) => postgresRelationships(database).watermark(tenant),
    };
    await write([anne, bob]);
    await follow();
    expect(await users()).toEqual(['anne', 'bob']);
  });

  afterEach(async () => {
    vi.useRealTimers();
    await database.close();
    await installation.close();
  });

  it('puts back what the log had not told of and takes out what was never there, counted', async () => {
    await doctor({ lacks: [anne], has: [carl] });
    const { version } = await sides.ledger.state(tenant);
    const repaired = await repair();
    expect(repaired).toEqual({ written: 1, deleted: 1, left: 0 });
    expect(repairLine(repaired)).toContain("1 added to the database's copy, 1 taken from it.");
    const meter = openMeter();
    meter.repaired(repaired);
    const metrics = await meter.registry.metrics();
    expect(metrics).toContain('clearance_index_repairs_total{change="written"} 1');
    expect(metrics).toContain('clearance_index_repairs_total{change="deleted"} 1');
    expect(await users()).toEqual(['anne', 'bob']);
    expect(await usersAtServer()).toEqual(['anne', 'bob']);
    // By which every copy of the index notices.
    expect((await sides.ledger.state(tenant)).version).toBeGreaterThan(version);
    expect(repairLine(await repair())).toBeUndefined();
  });

  it('leaves to the follower what that has yet to bring', async () => {
    await write([carl]);
    expect(await repair()).toEqual({ written: 0, deleted: 0, left: 0 });
    await follow();
    expect(await users()).toEqual(['anne', 'bob', 'carl']);
  });

  describe('does not undo what is changed between its reading and its writing,', () => {
    // Each time what it has read is that Anne's is there.
    it('through us', async () => {
      await doctor({ lacks: [anne] });
      expect(await repair(afterReading(changedThroughUs))).toMatchObject({ written: 0, deleted: 0 });
      expect(await users()).toEqual(['bob']);
    });

    it('directly', async () => {
      await doctor({ lacks: [anne] });
      expect(await repair(afterReading(changedDirectly))).toMatchObject({ written: 0, deleted: 0 });
      expect(await users()).toEqual(['bob']);
    });

    it.each([
      ['through us', changedThroughUs],
      ['directly', changedDirectly],
    ])('%s: without the version it would', async (_, change) => {
      await doctor({ lacks: [anne] });
      const blind = (tenant: string, _: number, changes: Parameters<Ledger['repair']>[2]) =>
        sides.ledger.repair(tenant, Number.MAX_SAFE_INTEGER, changes);
      await repair({ ...afterReading(change), ledger: { ...sides.ledger, repair: blind } });
      expect(await users()).toEqual(['anne', 'bob']);
      expect(await usersAtServer()).toEqual(['bob']);
    });

    it('where that changed nothing in the copy: the follower comes back to it', async () => {
      await doctor({ has: [carl] });
      const granted = () => throughUs({ writes: [carl], deletes: [] });
      expect(await repair(afterReading(granted))).toMatchObject({ deleted: 1 });
      expect(await users()).toEqual(['anne', 'bob']);
      await follow();
      expect(await users()).toEqual(['anne', 'bob', 'carl']);
    });

    it('nor writes anything where so much time has passed that the follower would not', async () => {
      await doctor({ lacks: [anne] });
      vi.useFakeTimers({ toFake: ['Date'], shouldAdvanceTime: true });
      const late = () => {
        vi.setSystemTime(Date.now() + OVERLAP_MS + 1_000);
      };
      const repaired = await repair(afterReading(late));
      expect(repaired).toEqual({ written: 0, deleted: 0, left: 1 });
      expect(repairLine(repaired)).toContain('Not settled: 1.');
      expect(await users()).toEqual(['bob']);
    });

    async function changedThroughUs(): Promise<void> {
      await throughUs({ writes: [], deletes: [anne] });
      await throughUs({ writes: [anne], deletes: [] });
      await throughUs({ writes: [], deletes: [anne] });
    }

    async function changedDirectly(): Promise<void> {
      await write([], [anne]);
      await write([anne]);
      await follow();
      await write([], [anne]);
      await follow();
    }
  });

  it('takes nothing from a server that was restored from an older backup', async () => {
    await doctor({ lacks: [anne] });
    // The server's generation is below what the database knows to have been reached.
    await sql('UPDATE engine_stores SET generation = 1000, confirmed = 1000');
    expect(await repair()).toMatchObject({ written: 0 });
    await expect(rebuild(sides, tenant)).rejects.toThrow(/run "clearance reconcile" first/);
    expect(await users()).toEqual(['bob']);
    await sides.ledger.close(tenant, 'restored');
    expect(await repairIfDue(sides, tenant, 0, never)).toBeUndefined();
    const { version } = await sides.ledger.state(tenant);
    expect(await sides.ledger.repair(tenant, version, [{ kind: 'written', tuple: anne }])).toMatchObject({
      written: 0,
    });
  });

  it('is made by one copy of the service in each period', async () => {
    await doctor({ lacks: [anne] });
    const another = openServer(installation.database.serviceUrl);
    try {
      const others = (await openSides(openfga(installation), another)).sides;
      const due = (of: Sides) => repairIfDue(of, tenant, REPAIR_EVERY_MS, never);
      const both = await Promise.all([due(sides), due(others)]);
      expect(both.filter((one) => one !== undefined)).toEqual([{ written: 1, deleted: 0, left: 0 }]);
      expect(await due(others)).toBeUndefined();
      await sql(`UPDATE engine_stores SET repaired_at = repaired_at - interval '5 minutes'`);
      expect(await due(others)).toEqual({ written: 0, deleted: 0, left: 0 });
    } finally {
      await another.close();
    }
  });

  it('that fails is told, and is made again', async () => {
    await doctor({ lacks: [anne] });
    const { promise: repaired, resolve } = Promise.withResolvers<Repair>();
    let fails = true;
    const pages: TupleFeed['pages'] = (tenant) => {
      if (!fails) return sides.feed.pages(tenant);
      fails = false;
      throw new Error('no answer');
    };
    const errors: unknown[] = [];
    const onError = (error: unknown) => {
      errors.push(error);
      void sql('UPDATE engine_stores SET repaired_at = NULL');
    };
    const repairs = startRepairs({ ...sides, feed: { ...sides.feed, pages } }, resolve, onError, 10);
    expect(await repaired).toEqual({ written: 1, deleted: 0, left: 0 });
    await repairs.stop();
    expect(errors).toEqual([new Error('no answer')]);
  });

  it('of the whole is a rebuild; a verification says what it would find', async () => {
    const agreed = { inEngine: 2, inLedger: 2, missing: 0, surplus: 0, coming: 0 };
    expect(await verifyCopy(sides, tenant)).toEqual(agreed);
    await doctor({ lacks: [anne, bob], has: [carl] });
    expect(await verifyCopy(sides, tenant)).toEqual({ ...agreed, inLedger: 1, missing: 2, surplus: 1 });
    expect(await rebuild(sides, tenant)).toEqual({ inEngine: 2, written: 2, deleted: 1 });
    expect(await users()).toEqual(['anne', 'bob']);
    await write([carl]);
    expect(await verifyCopy(sides, tenant)).toEqual({ ...agreed, inEngine: 3, coming: 1 });
  });

  it('of the whole keeps what is written while it reads', async () => {
    const feed: TupleFeed = {
      ...sides.feed,
      async *pages(tenant) {
        yield* sides.feed.pages(tenant);
        await write([], [bob]);
        await throughUs({ writes: [carl], deletes: [] });
      },
    };
    await doctor({ lacks: [anne] });
    await rebuild({ ...sides, feed }, tenant);
    expect(await users()).toEqual(['anne', 'carl']);
  });

  function repair(of: Sides = sides): Promise<Repair> {
    return repairCopy(of, tenant, async () => {});
  }

  /** Sides whose server does something once it has said what Anne's or Carl's tuple is. */
  function afterReading(work: () => Promise<void> | void): Sides {
    const one: TupleFeed['one'] = async (tenant, key) => {
      const found = await sides.feed.one(tenant, key);
      await work();
      return found;
    };
    return { ...sides, feed: { ...sides.feed, one } };
  }

  async function write(writes: readonly Tuple[], deletes: readonly Tuple[] = []): Promise<void> {
    await direct.write(tenant, { writes, deletes });
  }

  async function throughUs(changes: Parameters<Relationships['write']>[1]): Promise<void> {
    const follower = await startFollower(sides, () => {});
    await follower.stop();
    await agreedRelationships(direct, follower, sides).write(tenant, changes);
  }

  /** One turn, as each copy of the service has every second. */
  async function follow(): Promise<void> {
    const errors: unknown[] = [];
    await (await startFollower(sides, (error) => errors.push(error))).stop();
    expect(errors).toEqual([]);
  }

  /** As if the log had told otherwise. */
  async function doctor({ lacks = [], has = [] }: { lacks?: readonly Tuple[]; has?: readonly Tuple[] }) {
    for (const { user } of lacks) {
      await sql(`DELETE FROM relationships WHERE "user" = '${user}'`);
      await sql(`DELETE FROM relationship_changes WHERE "user" = '${user}'`);
    }
    for (const { user, relation, object } of has) {
      await sql(`INSERT INTO relationships VALUES ('default', '${object}', '${relation}', '${user}')`);
    }
  }

  async function sql(statement: string): Promise<void> {
    const owner = openServer(installation.database.url, { poolSize: 1 });
    await owner.query(statement);
    await owner.close();
  }

  async function users(): Promise<readonly string[]> {
    return named(await sides.ledger.tuples(tenant));
  }

  async function usersAtServer(): Promise<readonly string[]> {
    return named(await sides.feed.all(tenant));
  }
});

describe('a comparison of all tuples', () => {
  it('finds what is on one side alone, and a tuple with another condition on both', async () => {
    const held = (limit: number): Tuple => ({ ...carl, condition: { name: 'in_hours', context: { limit } } });
    const found = await differences(paged([[anne], [held(1)]]), paged([[bob, held(2)], []]), tenant);
    expect(found).toEqual({
      inEngine: 2,
      inLedger: 2,
      missing: [bob, held(2)],
      surplus: [anne, held(1)],
    });
    const same = await differences(paged([[anne], [held(1)]]), paged([[held(1), anne]]), tenant);
    expect(same).toEqual({ inEngine: 2, inLedger: 2, missing: [], surplus: [] });
  });

  function paged(of: readonly (readonly Tuple[])[]): Pick<TupleFeed, 'pages'> {
    return {
      async *pages() {
        yield* of;
      },
    };
  }
});

function named(tuples: readonly Tuple[]): readonly string[] {
  return tuples.map(({ user }) => user.slice('user:'.length)).toSorted();
}

function openfga({ env }: Installation) {
  const { openfga } = readConfig(env);
  if (openfga === undefined) throw new Error('no OpenFGA is configured');
  return openfga;
}
