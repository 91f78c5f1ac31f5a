import { afterAll, beforeAll, expect, test } from 'vitest';
import { exactSearch } from '../../src/adapters/postgres/search/exact-search.ts';
import { vectorBytes } from '../../src/adapters/postgres/vector.ts';
import type { CandidateSearch } from '../../src/ports/search.ts';
import { embeddedStore, newTenant, publish, type Store } from '../contract/store/stores.ts';

/** What one ranking brings at most. */
const LIMIT = 20_000;
const tenant = newTenant();
let store: Store;

beforeAll(async () => {
  store = await embeddedStore();
  await publish(store, tenant, 'published', ['what is told apart']);
});
afterAll(() => store?.close());

/** Versions that nobody may see yet, each a better match than the published document. */
async function stageOver(count: number): Promise<void> {
  await store.database.query(
    `WITH staged AS (
       INSERT INTO documents (tenant, id, source, version, chunks, changed)
       SELECT $1, 'staged-' || gen_random_uuid(), 'test', 1, 0, 1 FROM generate_series(1, $2::int) RETURNING no)
     INSERT INTO chunks (document_no, version, ordinal, embedding, weights, lexemes, text_hash, tenant)
     SELECT staged.no, 1, 0, $3::vector, '{}/536870912', '', '', $1 FROM staged`,
    [tenant, count, await embedded('a match')],
  );
}

async function embedded(text: string): Promise<Buffer> {
  const [vector = new Float32Array()] = await store.embeddings.embed([text]);
  return vectorBytes(vector);
}

async function search(): Promise<Pick<CandidateSearch, 'next'>> {
  const question = {
    tenant,
    embedding: await embedded('a match'),
    dimension: store.embeddings.dimension,
    lexical: undefined,
    denseWeight: 1,
  };
  const everything = {
    watermark: '',
    narrowed: false,
    why: '',
    documents: undefined,
    chunks: undefined,
    published: () => undefined,
  };
  return exactSearch(store.database, question, everything, 'scan');
}

test('a ranking that ends at its limit is not taken for all there is', async () => {
  await stageOver(LIMIT - 1);
  const short = await search();
  expect(await short.next(1)).toMatchObject({ documents: [{ documentId: 'published' }], exhausted: false });

  await stageOver(1);
  const cut = await search();
  expect(await cut.next(1)).toEqual({ documents: [], exhausted: false });
});

test('and one that ends before it is', async () => {
  await store.database.query(
    `DELETE FROM chunks WHERE ctid IN (SELECT ctid FROM chunks WHERE tenant = $1 AND document_no > (
    SELECT no FROM documents WHERE tenant = $1 AND id = 'published') LIMIT 2)`,
    [tenant],
  );
  const whole = await search();
  expect(await whole.next(1)).toMatchObject({ documents: [{ documentId: 'published' }], exhausted: true });
});
