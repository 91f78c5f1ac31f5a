import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { settle } from '../../ingest/publish.ts';
import type { Writer } from '../../ingest/writer.ts';
import { postgresHolding } from '../../src/adapters/postgres/holding.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import { openParts, type Parts } from '../support/parts.ts';
import { put, writer } from '../support/seed.ts';

const tenant = 'default';
const readers = ['user:anne'];

describe('a document that was held', () => {
  let parts: Parts;
  let as: Writer;
  let token: string;
  beforeAll(async () => {
    parts = await openParts();
    as = await writer(parts);
    token = await parts.token('anne');
  });
  afterAll(() => parts.close());

  const textOf = async (id: string) => {
    const { results } = await retrieve(parts.read, token, { query: 'text', k: 50 });
    return results.find(({ document_id }) => document_id === id)?.text;
  };
  const hold = (...ids: string[]) => postgresHolding(parts.database).hold(tenant, ids);

  it.each([
    { id: 'with', again: readers },
    { id: 'without', again: undefined },
  ])('is back once the same is sent again, $id its relationships', async ({ id, again }) => {
    const first = await put(parts.write, as, id, 'a text', readers);
    expect(await textOf(id)).toBe('a text');
    await hold(id);
    expect(await textOf(id)).toBeUndefined();
    const second = await put(parts.write, as, id, 'a text', again);
    expect(second).toEqual({ ...first, created: false });
    expect(await textOf(id)).toBe('a text');
  });

  it('shows nothing of a version that had not been published yet', async () => {
    await put(parts.write, as, 'staged', 'an old text', readers);
    const { documents } = parts.write;
    const failing = {
      ...parts.write,
      documents: { ...documents, publish: () => Promise.reject(new Error('late')) },
    };
    await put(failing, as, 'staged', 'a new text', readers);
    await hold('staged');
    const row = await documents.find(tenant, 'staged');
    expect(await settle(parts.write, row?.no ?? 0)).toBe(true);
    expect(await textOf('staged')).toBeUndefined();
    await put(parts.write, as, 'staged', 'an old text', readers);
    expect(await textOf('staged')).toBe('an old text');
    await put(parts.write, as, 'staged', 'a new text', readers);
    expect(await textOf('staged')).toBe('a new text');
  });
});
