import { beforeAll, describe, expect, it } from 'vitest';
import type { OpenFgaClient } from '../../src/adapters/openfga/client.ts';
import { openFgaRelationships } from '../../src/adapters/openfga/relationships.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { TupleChanges } from '../../src/ports/engine.ts';
import { type Tuple, tupleKey } from '../../src/types/tuple.ts';
import { realParts } from '../support/real-parts.ts';
import { type FreshStore, freshStore, pinned } from './fresh-store.ts';

const MODEL = `
model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define viewer: [user, group#member, document#owner]
    define cover: [document]
type document
  relations
    define owner: [user]
    define viewer: [user, user:*, user with in_hours, group#member, folder#viewer]
    define related: [document]
condition in_hours(hour: int, limit: int) {
  hour < limit
}
`;

const onDocument = (id: string, user = 'user:anne', relation = 'viewer'): Tuple => ({
  user,
  relation,
  object: `document:${id}`,
});
const inHours = (id: string, limit?: number): Tuple => ({
  ...onDocument(id),
  condition: { name: 'in_hours', ...(limit === undefined ? {} : { context: { limit } }) },
});
const sorted = (tuples: readonly Tuple[]) =>
  tuples.toSorted((a, b) => tupleKey(a).localeCompare(tupleKey(b)));

describe.skipIf(realParts() === undefined)('relationships in a real server', () => {
  let store: FreshStore;
  beforeAll(async () => {
    store = await freshStore(MODEL);
  });
  const relationships = (client: OpenFgaClient = store.client) => openFgaRelationships(client, store.stores);
  const write = (changes: Partial<TupleChanges>, client?: OpenFgaClient) =>
    relationships(client).write('default', { writes: [], deletes: [], ...changes });
  const there = (id: string) => relationships().ofObject('default', `document:${id}`);

  it('are written and deleted together, and counted as what they changed', async () => {
    const [a, b, c] = [
      onDocument('count', 'user:a'),
      onDocument('count', 'user:b'),
      onDocument('count', 'user:c'),
    ];
    expect(await write({ writes: [a, b] })).toEqual({ written: 2, deleted: 0 });
    expect(await write({ writes: [a, b] })).toEqual({ written: 0, deleted: 0 });
    expect(await write({ writes: [b, c], deletes: [a] })).toEqual({ written: 1, deleted: 1 });
    expect(await write({ deletes: [a, b] })).toEqual({ written: 0, deleted: 1 });
    expect(await write({})).toEqual({ written: 0, deleted: 0 });
    expect(await there('count')).toEqual([c]);
  });

  it('a hundred at once, some of them there already', async () => {
    const many = Array.from({ length: 100 }, (_, i) => onDocument('hundred', `user:${i}`));
    expect(await write({ writes: many.slice(0, 40) })).toEqual({ written: 40, deleted: 0 });
    expect(await write({ writes: many })).toEqual({ written: 60, deleted: 0 });
    expect(await there('hundred')).toHaveLength(100);
    expect(await write({ deletes: many })).toEqual({ written: 0, deleted: 100 });
  });

  it('a condition is part of what is there', async () => {
    expect(await write({ writes: [inHours('hours', 18)] })).toEqual({ written: 1, deleted: 0 });
    expect(await write({ writes: [inHours('hours', 18)] })).toEqual({ written: 0, deleted: 0 });
    for (const other of [inHours('hours', 20), inHours('hours'), onDocument('hours')]) {
      await expect(write({ writes: [other, onDocument('beside')] })).rejects.toMatchObject({
        code: 'invalid_relationship',
        message: '"user:anne viewer document:hours" is there with another condition. Delete it first.',
      });
    }
    expect(await there('beside')).toEqual([]);
    expect(await there('hours')).toEqual([inHours('hours', 18)]);

    await write({ writes: [inHours('bare')] });
    const emptied = { ...inHours('bare'), condition: { name: 'in_hours', context: {} } };
    expect(await write({ writes: [emptied] })).toEqual({ written: 0, deleted: 0 });
    expect(await there('bare')).toEqual([inHours('bare')]);
  });

  it('what the server refuses is the caller’s error, and nothing of the request is written', async () => {
    const large: Tuple = {
      ...onDocument('large'),
      condition: { name: 'in_hours', context: { limit: 'x'.repeat(40_000) } },
    };
    await expect(write({ writes: [onDocument('large', 'user:b'), large] })).rejects.toMatchObject({
      code: 'invalid_relationship',
      message: 'OpenFGA refuses a relationship of this request (validation_error).',
    });
    expect(await there('large')).toEqual([]);
  });

  it('others who change the same tuples at the same time spoil neither the result nor the counts', async () => {
    const shared = Array.from({ length: 10 }, (_, i) => onDocument('race', `user:${i}`));
    const outcomes = await Promise.all(Array.from({ length: 4 }, () => write({ writes: shared })));
    expect(outcomes.reduce((sum, { written }) => sum + written, 0)).toBe(10);
    expect(await there('race')).toHaveLength(10);
  });

  it('between its reading and its writing someone else is faster', async () => {
    const [a, b, c] = [
      onDocument('fast', 'user:a'),
      onDocument('fast', 'user:b'),
      onDocument('fast', 'user:c'),
    ];
    await write({ writes: [a] });
    let turn = 0;
    const meddled: OpenFgaClient = {
      ...store.client,
      async write(...args) {
        if (++turn === 2) await write({ writes: [b], deletes: [a] });
        await store.client.write(...args);
      },
    };
    expect(await write({ writes: [a, b, c] }, meddled)).toEqual({ written: 2, deleted: 0 });
    expect(sorted(await there('fast'))).toEqual([a, b, c]);
  });

  it('of an object: all of them, also beyond a page', async () => {
    const many = Array.from({ length: 230 }, (_, i) => onDocument('pages', `user:${i}`));
    for (let i = 0; i < many.length; i += 100) await write({ writes: many.slice(i, i + 100) });
    expect(sorted(await there('pages'))).toEqual(sorted(many));
  });

  describe('that mention an object', () => {
    const mentions: Tuple[] = [
      { user: 'document:named', relation: 'cover', object: 'folder:f' },
      { user: 'document:named#owner', relation: 'viewer', object: 'folder:f' },
      { user: 'document:named', relation: 'related', object: 'document:x' },
    ];
    const others: Tuple[] = [
      { user: 'document:named2', relation: 'cover', object: 'folder:f' },
      { user: 'user:anne', relation: 'viewer', object: 'document:named' },
      { user: 'user:*', relation: 'viewer', object: 'document:x' },
    ];
    it('are found by object and by userset, on every type', async () => {
      await write({ writes: [...mentions, ...others] });
      expect(sorted(await relationships().mentioning('default', 'document:named'))).toEqual(sorted(mentions));
      expect(await relationships().mentioning('default', 'nothing:known')).toEqual([]);
      expect(await relationships().mentioning('default', 'user:anne')).toHaveLength(
        (await store.client.read(store.storeId, {})).filter(({ user }) => user === 'user:anne').length,
      );
    });

    it('also those that only an older model allows', async () => {
      const narrow = MODEL.replace('    define cover: [document]\n', '').replace(', document#owner', '');
      const modelId = await store.client.writeModel(store.storeId, modelFromDsl(narrow).json);
      const later = openFgaRelationships(store.client, pinned({ storeId: store.storeId, modelId }));
      expect(sorted(await later.mentioning('default', 'document:named'))).toEqual(sorted(mentions));
      const { deleted } = await later.write('default', { writes: [], deletes: mentions });
      expect(deleted).toBe(mentions.length);
      expect(await later.mentioning('default', 'document:named')).toEqual([]);
    });
  });
});
