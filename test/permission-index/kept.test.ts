import { describe, expect, it } from 'vitest';
import { permissionIndex } from '../../src/adapters/permission-index/permission-index.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { DocumentLog, TupleLog } from '../../src/ports/tuple-log.ts';
import type { Tuple } from '../../src/types/tuple.ts';

const model = modelFromDsl(`model
  schema 1.1
type user
type folder
  relations
    define viewer: [user, user:*]
type document
  relations
    define parent: [folder]
    define can_read: viewer from parent`);
const MAX_KEPT_BYTES = 64 * 1024 * 1024;

/** A tenant that does not change, of one document and these relationships. */
function logOf(tuples: readonly Tuple[]): TupleLog & DocumentLog {
  return {
    version: async () => 1,
    changesSince: async () => ({ version: 1, changes: [] }),
    documentsSince: async () => [],
    async *pages() {
      yield tuples;
    },
    async *documentPages() {
      yield [{ number: 1, id: 'open', version: 1, chunks: 1 }];
    },
  };
}
const indexOf = (tuples: readonly Tuple[]) =>
  permissionIndex(model, { type: 'document', relation: 'can_read' }, logOf(tuples));
const open: Tuple = { user: 'folder:0', relation: 'parent', object: 'document:open' };
const publicFolders = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ user: 'user:*', relation: 'viewer', object: `folder:${i}` }));

describe('what the index keeps between requests', () => {
  it('is bounded, also for readers who are made up and may find nothing', { timeout: 60_000 }, async () => {
    const index = indexOf([open]);
    let most = 0;
    for (let request = 0; request < 450; request += 1) {
      const readers = Array.from({ length: 100 }, (_, i) => `user:${request}-${i}-`.padEnd(500, 'x'));
      expect(await index.scope('default', readers)).toMatchObject({ chunks: 0 });
      const { kept, keptBytes } = await index.held('default');
      expect(keptBytes).toBeLessThanOrEqual(MAX_KEPT_BYTES);
      most = Math.max(most, kept.size);
    }
    // 100 of them and all together take 220,000 bytes a request.
    expect(most).toBeGreaterThan(20_000);
    expect(most).toBeLessThan(35_000);
  });

  it('holds ways until there is no room, makes none then, and leaves the rest as it is', async () => {
    const index = indexOf([open, ...publicFolders(10_000)]);
    const readers = Array.from({ length: 100 }, (_, i) => `user:${i}`);
    const claims = readers.map((user) => ({ user, relation: 'can_read', object: 'document:open' }));
    await index.scope('default', ['user:0']);
    const ask = () => index.reasons.chains('default', claims).filter((chain) => chain !== undefined).length;
    const first = ask();
    expect(first).toBeGreaterThan(50);
    expect(first).toBeLessThan(90);
    const { ways, kept, waysBytes } = await index.held('default');
    const made = [...ways.values()];
    expect(ask()).toBe(first);
    // As before: none was made again.
    expect([...ways.values()].every((way, i) => way === made[i])).toBe(true);
    expect(waysBytes).toBeLessThan(1.1 * MAX_KEPT_BYTES);
    expect([...kept.keys()]).toEqual(['user:0']);
  });

  it('counts ways that lead nowhere too', async () => {
    const index = indexOf([open]);
    await index.scope('default', ['user:0']);
    index.reasons.chains('default', [
      { user: 'user:made-up', relation: 'can_read', object: 'document:open' },
    ]);
    expect((await index.held('default')).waysBytes).toBeGreaterThan(100);
  });
});
