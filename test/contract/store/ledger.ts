import { describe, expect, it } from 'vitest';
import { postgresEngineStores } from '../../../src/adapters/postgres/engine-stores.ts';
import { postgresLedger } from '../../../src/adapters/postgres/ledger.ts';
import { postgresRelationships } from '../../../src/adapters/postgres/relationships.ts';
import type { FeedEntry } from '../../../src/ports/ledger.ts';
import type { Tuple } from '../../../src/types/tuple.ts';
import { replayed, sorted } from './relationships.ts';
import { newTenant, type Store } from './stores.ts';

const anne: Tuple = { user: 'user:anne', relation: 'viewer', object: 'document:a' };
const bob: Tuple = { ...anne, user: 'user:bob' };
const sometimes = { ...anne, condition: { name: 'now', context: { at: 1, of: 2 } } };
const at = (second: number): string => `2030-01-01T00:00:0${second}Z`;
const written = (tuple: Tuple, second: number): FeedEntry => ({ kind: 'written', tuple, at: at(second) });
const deleted = (key: Tuple, second: number): FeedEntry => ({ kind: 'deleted', key, at: at(second) });

/** As read at this moment: nothing was confirmed since. */
const from = (last?: FeedEntry) => ({
  version: Number.MAX_SAFE_INTEGER,
  ...(last === undefined ? {} : { last }),
});

export function ledgerContract(opened: () => Store): void {
  const ledger = () => postgresLedger(opened().database);

  async function pinned(): Promise<string> {
    const tenant = newTenant();
    const store = { storeId: `store of ${tenant}`, modelId: 'model', modelHash: 'hash' };
    await postgresEngineStores(opened().owner).pin(tenant, store);
    return tenant;
  }

  describe('a ledger of an engine', () => {
    it('under the pins that only the owner sets', async () => {
      const tenant = await pinned();
      const pins = postgresEngineStores(opened().owner);
      const stores = postgresEngineStores(opened().database);
      await ledger().nextGeneration(tenant);
      await pins.pin(tenant, { storeId: 'store', modelId: 'newer', modelHash: 'other' });
      expect(await stores.of(tenant)).toEqual({ storeId: 'store', modelId: 'newer' });
      expect(await stores.find(tenant)).toMatchObject({ modelHash: 'other' });
      expect(await ledger().state(tenant)).toEqual({ version: 0, generation: 1, confirmed: 0 });
      expect(await ledger().tenants()).toContain(tenant);
      for (const modelId of ['first', 'second']) {
        await pins.pinBookkeeping({ storeId: 'books', modelId });
        expect(await stores.bookkeeping()).toEqual({ storeId: 'books', modelId });
      }
      const none = { code: 'engine_unavailable' };
      await expect(stores.of(newTenant())).rejects.toMatchObject(none);
      await expect(ledger().state(newTenant())).rejects.toMatchObject(none);
      await expect(ledger().nextGeneration(newTenant())).rejects.toMatchObject(none);
    });

    it('that gives out each generation once', async () => {
      const tenant = await pinned();
      const given = await Promise.all(Array.from({ length: 8 }, () => ledger().nextGeneration(tenant)));
      const numbers = given.map(({ generation }) => generation);
      expect(numbers.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
      expect(await ledger().state(tenant)).toEqual({ version: 0, generation: 8, confirmed: 0 });
    });

    it("that follows it: each tuple's last change counts, and is logged where it is one", async () => {
      const tenant = await pinned();
      const first = [written(anne, 1), written(bob, 1), deleted(anne, 2), written(sometimes, 3)];
      await ledger().apply(tenant, from(), first, written(sometimes, 3));
      expect(sorted(await ledger().tuples(tenant))).toEqual(sorted([sometimes, bob]));
      expect((await ledger().state(tenant)).last).toEqual(written(sometimes, 3));

      const log = postgresRelationships(opened().database);
      const before = await log.version(tenant);
      // The same again, as the overlap brings it.
      await ledger().apply(tenant, from(written(sometimes, 3)), first, written(sometimes, 3));
      expect(await log.version(tenant)).toBe(before);

      await ledger().apply(
        tenant,
        from(written(sometimes, 3)),
        [deleted(bob, 4), written(anne, 4)],
        written(anne, 4),
      );
      expect(await ledger().tuples(tenant)).toEqual([anne]);
      expect(replayed((await log.changesSince(tenant, 0)).changes)).toEqual([anne]);
    });

    it('that knows what was written under a generation, and the highest such', async () => {
      const tenant = await pinned();
      await ledger().confirm(tenant, 2, { writes: [anne, bob], deletes: [] });
      await ledger().confirm(tenant, 1, { writes: [], deletes: [bob] });
      expect(await ledger().state(tenant)).toMatchObject({ confirmed: 2 });
      expect(await ledger().tuples(tenant)).toEqual([anne]);
    });

    it('that leaves alone what was confirmed after the log was read', async () => {
      const tenant = await pinned();
      await ledger().confirm(tenant, 1, { writes: [anne, bob], deletes: [] });
      const { version } = await ledger().state(tenant);
      await ledger().confirm(tenant, 2, { writes: [], deletes: [anne] });
      const log = [written(anne, 1), written(bob, 1)];
      expect(await ledger().apply(tenant, { version }, log, written(bob, 1))).toBe(true);
      expect(await ledger().tuples(tenant)).toEqual([bob]);
      expect(await ledger().deleted(tenant, [anne, bob])).toMatchObject([{ user: anne.user }]);
    });

    it('that one copy of the service follows at a time', async () => {
      const tenant = await pinned();
      await ledger().apply(tenant, from(), [written(anne, 1)], written(anne, 1));
      // A copy that has not heard of it; nor does its order of keys matter.
      await ledger().apply(tenant, from(), [deleted(anne, 0)], deleted(anne, 0));
      await ledger().apply(tenant, from(deleted(anne, 1)), [deleted(anne, 0)], deleted(anne, 0));
      expect(await ledger().tuples(tenant)).toEqual([anne]);
      const { kind, ...rest } = written(anne, 1);
      await ledger().apply(
        tenant,
        from({ ...rest, kind } as FeedEntry),
        [deleted(anne, 2)],
        deleted(anne, 2),
      );
      expect(await ledger().tuples(tenant)).toEqual([]);
    });

    it('that is repaired, but for what it has changed since the reading, and by one at a time', async () => {
      const tenant = await pinned();
      const many = Array.from({ length: 2_500 }, (_, i) => ({ ...anne, object: `document:${i}` }));
      await ledger().replace(tenant, [...many, anne], undefined, 1);
      const { version } = await ledger().state(tenant);
      await ledger().confirm(tenant, 2, { writes: [], deletes: [anne] });
      const changes = [
        ...many.map((key) => ({ kind: 'deleted' as const, key })),
        ...[sometimes, bob].map((tuple) => ({ kind: 'written' as const, tuple })),
      ];
      expect(await ledger().repair(tenant, version, changes)).toEqual({ written: 1, deleted: 2_500 });
      expect(await ledger().tuples(tenant)).toEqual([bob]);

      const taken = await Promise.all([1, 2, 3].map(() => ledger().takeRepair(tenant, 60_000)));
      expect(taken.toSorted()).toEqual([false, false, true]);
      expect(await ledger().takeRepair(tenant, 0)).toBe(true);
      await ledger().close(tenant, 'restored');
      expect(await ledger().takeRepair(tenant, 0)).toBe(false);
      const { version: now } = await ledger().state(tenant);
      const nothing = { written: 0, deleted: 0 };
      expect(await ledger().repair(tenant, now, [{ kind: 'deleted', key: bob }])).toEqual(nothing);
    });

    it('that is read page by page', async () => {
      const tenant = await pinned();
      const many = Array.from({ length: 2_500 }, (_, i) => ({ ...anne, object: `document:${i}` }));
      await ledger().replace(tenant, [...many, sometimes], undefined, 1);
      const pages: (readonly Tuple[])[] = [];
      for await (const page of ledger().pages(tenant)) pages.push(page);
      expect(pages.map(({ length }) => length)).toEqual([1_000, 1_000, 501]);
      expect(sorted(pages.flat())).toEqual(sorted([...many, sometimes]));
      for await (const page of ledger().pages(await pinned())) expect(page).toBeUndefined();
    });

    it('that stays closed, for the first reason, until it is replaced', async () => {
      const tenant = await pinned();
      const many = Array.from({ length: 2_500 }, (_, i) => ({ ...anne, object: `document:${i}` }));
      await ledger().replace(tenant, many, undefined, 7);
      await ledger().close(tenant, 'first');
      await ledger().close(tenant, 'second');
      expect(await ledger().state(tenant)).toEqual({
        version: 3,
        generation: 7,
        confirmed: 7,
        closed: 'first',
      });
      const target = [...many.slice(10), sometimes];
      await ledger().replace(tenant, target, written(anne, 1), 3);
      expect(await ledger().state(tenant)).toEqual({
        version: 5,
        generation: 7,
        confirmed: 3,
        last: written(anne, 1),
      });
      expect(sorted(await ledger().tuples(tenant))).toEqual(sorted(target));
      const { changes } = await postgresRelationships(opened().database).changesSince(tenant, 0);
      expect(replayed(changes)).toEqual(sorted(target));
      expect(changes).toHaveLength(2_500 + 10 + 1);
    });
  });
}
