import { describe, expect, it } from 'vitest';
import { openFgaClient } from '../../src/adapters/openfga/client.ts';
import { openFgaFeed } from '../../src/adapters/openfga/feed.ts';
import { openFgaRelationships } from '../../src/adapters/openfga/relationships.ts';
import { transport } from '../../src/adapters/openfga/transport.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { realParts } from '../support/real-parts.ts';
import { gives, startEndpoint } from './endpoint.ts';
import { freshStore, IN_HOURS, pinned, serverConfig } from './fresh-store.ts';

const tuple = (user: string): Tuple => ({ user: `user:${user}`, relation: 'viewer', object: 'document:1' });

async function opened() {
  const store = await freshStore(IN_HOURS);
  const relationships = openFgaRelationships(store.client, store.stores);
  return {
    ...store,
    feed: openFgaFeed(store.client, store.stores),
    write: (writes: readonly Tuple[], deletes: readonly Tuple[] = []) =>
      relationships.write('default', { writes, deletes }),
  };
}

describe.skipIf(realParts() === undefined)('the log of changes of a real server', () => {
  it('tells every change in order, with conditions, also beyond a page, and what there is now', async () => {
    const { feed, write } = await opened();
    expect(await feed.changesSince('default')).toEqual([]);
    const many = Array.from({ length: 230 }, (_, i) => tuple(`u${i}`));
    for (let i = 0; i < many.length; i += 100) await write(many.slice(i, i + 100));
    const held = { ...tuple('anne'), condition: { name: 'in_hours', context: { limit: 18 } } };
    await write([held], [tuple('u7')]);
    const changes = await feed.changesSince('default');
    expect(changes.map((change) => (change.kind === 'written' ? change.tuple : change.key))).toEqual([
      ...many,
      tuple('u7'),
      held,
    ]);
    expect(changes.map(({ at }) => at)).toEqual(changes.map(({ at }) => at).toSorted());
    expect(changes[0]?.at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/);
    const left = [...many.filter(({ user }) => user !== 'user:u7'), held];
    expect(new Set(await feed.all('default'))).toEqual(new Set(left));
  });

  it('from a change on, it tells this change and all that come after', async () => {
    const { client, feed, storeId, write } = await opened();
    for (const user of ['a', 'b', 'c', 'd', 'e']) await write([tuple(user)]);
    const all = await feed.changesSince('default');
    for (const [i, { at }] of all.entries()) {
      expect((await feed.changesSince('default', at)).slice(-all.length + i)).toEqual(all.slice(i));
    }
    // As OpenFGA reads it, a change is from before the moment that it bears.
    const last = all.at(-1)?.at ?? '';
    const lastMs = new Date(Math.ceil(Date.parse(last)) + 1).toISOString();
    expect(await client.readChanges(storeId, lastMs)).toEqual([]);
    expect((await feed.changesSince('default', lastMs)).at(-1)).toEqual(all.at(-1));
  });

  it('a store that was deleted is a failure, though the server goes on answering for it', async () => {
    const { client, feed, storeId, write } = await opened();
    await write([tuple('a')]);
    const server = transport(serverConfig());
    await server.text((api, options) => api.deleteStore(storeId, options));
    await expect(feed.changesSince('default')).rejects.toMatchObject({
      code: 'engine_unavailable',
      message: "OpenFGA can't be used: it answered 404 (store_id_not_found).",
    });
    // Without that look it would go unnoticed.
    expect(await client.readChanges(storeId)).toHaveLength(1);
  });
});

it('where two servers’ clocks differ, a deletion that the log tells too early comes after its writing', async () => {
  const key = { ...tuple('anne'), condition: null };
  const [written, deleted] = ['2026-11-01T10:00:00.123Z', '2026-11-01T10:00:00.123400Z'];
  const changes = [
    { tuple_key: key, operation: 'TUPLE_OPERATION_DELETE', timestamp: deleted },
    { tuple_key: key, operation: 'TUPLE_OPERATION_WRITE', timestamp: written },
  ];
  await using endpoint = await startEndpoint((response, { path }) =>
    gives(path.includes('/changes') ? { changes, continuation_token: '' } : { id: 'store', name: 'store' })(
      response,
    ),
  );
  const stores = pinned({ storeId: '01ARZ3NDEKTSV4RRFFQ69G5FAV', modelId: '01ARZ3NDEKTSV4RRFFQ69G5FAV' });
  const feed = openFgaFeed(openFgaClient({ apiUrl: endpoint.url }), stores);
  expect((await feed.changesSince('default')).map(({ kind }) => kind)).toEqual(['written', 'deleted']);

  await feed.changesSince('default', '2026-11-01T10:00:00.123400000Z');
  const asked = endpoint.asked.map(({ path }) => new URL(path, endpoint.url).searchParams.get('start_time'));
  expect(asked).toContain('2026-11-01T09:59:55.123Z');
});
