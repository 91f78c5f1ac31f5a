import { describe, expect, it } from 'vitest';
import { openFgaClient } from '../../src/adapters/openfga/client.ts';
import { listedObjects } from '../../src/adapters/openfga/list-objects.ts';
import { openFgaRelationships } from '../../src/adapters/openfga/relationships.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { realParts } from '../support/real-parts.ts';
import { gives, startEndpoint } from './endpoint.ts';
import { freshStore, IN_HOURS, pinned } from './fresh-store.ts';

const asked = { user: 'user:anne', relation: 'viewer', type: 'document', context: { hour: 9 } };

describe.skipIf(realParts() === undefined)('what a real server lists', () => {
  it('is not cut at its limit of 1,000, and depends on the context', async () => {
    const { client, stores } = await freshStore(IN_HOURS);
    const relationships = openFgaRelationships(client, stores);
    const tuple = (i: number): Tuple => ({
      user: 'user:anne',
      relation: 'viewer',
      object: `document:${i}`,
      ...(i === 0 ? { condition: { name: 'in_hours', context: { limit: 12 } } } : {}),
    });
    const many = Array.from({ length: 1_200 }, (_, i) => tuple(i));
    for (let i = 0; i < many.length; i += 100) {
      await relationships.write('default', { writes: many.slice(i, i + 100), deletes: [] });
    }
    const list = (context: Readonly<Record<string, unknown>>) =>
      listedObjects(client, stores, 'default', { ...asked, context });
    expect((await list({ hour: 9 })).toSorted()).toEqual(many.map(({ object }) => object).toSorted());
    expect(await list({ hour: 13 })).toHaveLength(1_199);
    expect(await listedObjects(client, stores, 'default', { ...asked, user: 'user:bob' })).toEqual([]);
  });
});

it('a server that gives an error in place of a list is a failure', async () => {
  await using endpoint = await startEndpoint(gives({ error: { code: 2_000, message: 'too complex' } }));
  const stores = pinned({ storeId: '01ARZ3NDEKTSV4RRFFQ69G5FAV', modelId: '01ARZ3NDEKTSV4RRFFQ69G5FAV' });
  const client = openFgaClient({ apiUrl: endpoint.url });
  await expect(listedObjects(client, stores, 'default', asked)).rejects.toMatchObject({
    code: 'engine_unavailable',
  });
});
