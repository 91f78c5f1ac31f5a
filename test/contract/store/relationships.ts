import { describe, expect, it } from 'vitest';
import { postgresRelationships } from '../../../src/adapters/postgres/relationships.ts';
import type { TupleChange } from '../../../src/ports/tuple-log.ts';
import { type Tuple, tupleKey } from '../../../src/types/tuple.ts';
import { newTenant, type Store } from './stores.ts';

const tuple = (user: string, object: string, condition?: Tuple['condition']): Tuple => ({
  user,
  relation: 'viewer',
  object,
  ...(condition === undefined ? {} : { condition }),
});

/** What a log leads to. */
export function replayed(changes: readonly TupleChange[]): readonly Tuple[] {
  const held = new Map<string, Tuple>();
  for (const change of changes) {
    if (change.kind === 'written') held.set(tupleKey(change.tuple), change.tuple);
    else held.delete(tupleKey(change.key));
  }
  return sorted([...held.values()]);
}

export const sorted = (tuples: readonly Tuple[]): readonly Tuple[] =>
  tuples.toSorted((a, b) => (tupleKey(a) < tupleKey(b) ? -1 : 1));

export function relationshipsContract(opened: () => Store): void {
  const relationships = () => postgresRelationships(opened().database);

  describe('relationships', () => {
    it('of an object and of who mentions it, by tenant', async () => {
      const tenant = newTenant();
      const member = tuple('group:eng#member', 'document:a');
      const group = tuple('user:anne', 'group:eng', { name: 'now', context: { at: 1 } });
      expect(await relationships().write(tenant, { writes: [member, group], deletes: [] })).toEqual({
        written: 2,
        deleted: 0,
      });
      expect(await relationships().ofObject(tenant, 'document:a')).toEqual([member]);
      expect(await relationships().ofObject(tenant, 'group:eng')).toEqual([group]);
      expect(await relationships().mentioning(tenant, 'group:eng')).toEqual([member]);
      expect(await relationships().mentioning(tenant, 'group:en')).toEqual([]);
      expect(await relationships().ofObject(newTenant(), 'document:a')).toEqual([]);
    });

    it('all or nothing, and only what really changes counts', async () => {
      const tenant = newTenant();
      const [a, b] = [tuple('user:anne', 'document:a'), tuple('user:bob', 'document:a')];
      await relationships().write(tenant, { writes: [a], deletes: [] });
      const version = await relationships().version(tenant);
      const nothing = { writes: [a], deletes: [b] };
      expect(await relationships().write(tenant, nothing)).toEqual({ written: 0, deleted: 0 });
      expect(await relationships().version(tenant)).toBe(version);
      const conditional = { ...a, condition: { name: 'now' } };
      await expect(
        relationships().write(tenant, { writes: [b, conditional], deletes: [] }),
      ).rejects.toMatchObject({ code: 'invalid_relationship' });
      expect(await relationships().version(tenant)).toBe(version);
      expect(await Array.fromAsync(relationships().pages(tenant))).toEqual([[a]]);
      await relationships().write(tenant, { writes: [conditional], deletes: [a] });
      expect(await relationships().ofObject(tenant, 'document:a')).toEqual([conditional]);
    });

    it('and a log of them in the order of their versions, however many write', async () => {
      const tenant = newTenant();
      const seen: TupleChange[] = [];
      let version = 0;
      const follow = async () => {
        const next = await relationships().changesSince(tenant, version);
        version = next.version;
        seen.push(...next.changes);
      };
      const tuples = Array.from({ length: 96 }, (_, i) => tuple(`user:u${i}`, `document:${i % 3}`));
      const writers = Array.from({ length: 6 }, async (_, i) => {
        // In opposite orders, which without a lock that comes first would end in a deadlock.
        const mine = i % 2 === 0 ? tuples : tuples.toReversed();
        for (let j = 0; j < 8; j += 1) {
          const removes = (i + j) % 3 === 0;
          const changes = removes ? { writes: [], deletes: mine } : { writes: mine, deletes: [] };
          await relationships().write(tenant, changes);
          await follow();
        }
      });
      await Promise.all(writers);
      await follow();
      const all = (await Array.fromAsync(relationships().pages(tenant))).flat();
      expect(await relationships().version(tenant)).toBe(version);
      expect(await relationships().watermark(tenant)).toBe(String(version));
      const whole = await relationships().changesSince(tenant, 0);
      expect(replayed(whole.changes)).toEqual(sorted(all));
      expect(replayed(seen)).toEqual(sorted(all));
    });
  });
}
