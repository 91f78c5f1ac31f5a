import { beforeAll, describe, expect, it } from 'vitest';
import { postgresDocuments } from '../../../src/adapters/postgres/documents.ts';
import { postgresCandidateIndex } from '../../../src/adapters/postgres/search/candidate-index.ts';
import { usualTuning } from '../../../src/adapters/postgres/search/choose-route.ts';
import {
  ensureVectorIndex,
  hasVectorIndex,
  lacksVectorIndex,
} from '../../../src/adapters/postgres/search/vector-index.ts';
import type { Question } from '../../../src/ports/search.ts';
import type { Filter } from '../../../src/types/filter.ts';
import { everywhere, forced } from '../../search/scopes.ts';
import { newTenant, publish, SOURCE, type Store } from './stores.ts';

const texts = {
  travel: ['Travel is booked by the travel desk.', 'Trains come before planes.'],
  leave: ['Annual leave is thirty days.'],
  hidden: ['The travel desk moves to another floor.'],
};

export function searchContract(opened: () => Store): void {
  const tenant = newTenant();

  async function found(question: Partial<Question> = {}, tuning = usualTuning(256)) {
    const index = postgresCandidateIndex(opened().database, opened().embeddings, everywhere, tuning);
    const asked = { tenant, query: 'who books travel?', readers: ['user:anne'], ...question };
    const search = await index.open(asked, AbortSignal.timeout(10_000));
    const first = await search.next(1);
    const rest = await search.next(50);
    const documents = [...first.documents, ...rest.documents];
    return {
      search,
      documents,
      ids: documents.map(({ documentId }) => documentId),
      exhausted: rest.exhausted,
    };
  }

  describe('a search index', () => {
    beforeAll(async () => {
      await publish(opened(), tenant, 'travel', texts.travel, { year: 2024, tags: ['a', 'b'], by: 'anne' });
      await publish(opened(), tenant, 'leave', texts.leave, { year: 2020, by: 'bob' });
      const { no } = await publish(opened(), tenant, 'hidden', texts.hidden);
      await postgresDocuments(opened().database).enqueueDelete({ no, source: SOURCE });
      await publish(opened(), newTenant(), 'elsewhere', texts.travel);
    });

    const routes = [
      { indexed: false, tuning: forced.scan },
      { indexed: true, tuning: forced.approximate },
    ];
    describe.each(routes)('with a vector index: $indexed', ({ indexed, tuning }) => {
      beforeAll(async () => {
        if (!indexed) return;
        const { owner, database, embeddings } = opened();
        expect(await lacksVectorIndex(database, 1)).toBe(true);
        // In a single-user Postgres nothing is concurrent.
        const concurrently = owner !== database;
        expect(await ensureVectorIndex(owner, embeddings.dimension, { from: 1, concurrently })).toBe(true);
        expect(await ensureVectorIndex(owner, embeddings.dimension, { from: 1, concurrently })).toBe(false);
        expect(await hasVectorIndex(database)).toBe(true);
      });

      it("that gives the tenant's published documents once, best first, to the last", async () => {
        const { search, documents, ids, exhausted } = await found({}, tuning);
        expect(ids).toEqual(['travel', 'leave']);
        expect(exhausted).toBe(true);
        expect(documents[0]?.score).toBeGreaterThan(documents[1]?.score ?? 1);
        const [best, ...others] = await search.within(documents, 50);
        expect(best).toMatchObject({ documentId: 'travel', score: documents[0]?.score });
        expect(others).toHaveLength(2);
        expect(await search.within(documents, 1)).toEqual([best]);
        // Three chunks are fewer than a list: the vector index would prove nothing.
        expect(search.exact()).toBe(true);
      });

      it('that no word of the query need be in', async () => {
        expect((await found({ query: 'of the' }, tuning)).ids.toSorted()).toEqual(['leave', 'travel']);
      });

      const filters: [string, Filter, string[]][] = [
        ['eq', { kind: 'compare', field: 'by', op: 'eq', value: 'bob' }, ['leave']],
        ['eq of a list', { kind: 'compare', field: 'tags', op: 'eq', value: 'b' }, ['travel']],
        ['gte', { kind: 'compare', field: 'year', op: 'gte', value: 2021 }, ['travel']],
        ['lte of text', { kind: 'compare', field: 'by', op: 'lte', value: 'az' }, ['travel']],
        ['in', { kind: 'in', field: 'year', values: [2020, 2024] }, ['travel', 'leave']],
        ['not', { kind: 'not', of: { kind: 'in', field: 'tags', values: ['a'] } }, ['leave']],
        [
          'and',
          {
            kind: 'and',
            of: [
              { kind: 'compare', field: 'year', op: 'lte', value: 2024 },
              { kind: 'compare', field: 'by', op: 'eq', value: 'anne' },
            ],
          },
          ['travel'],
        ],
      ];
      it.each(filters)('under a filter: %s', async (_, filter, expected) => {
        expect((await found({ filter }, tuning)).ids).toEqual(expected);
      });
    });

    it('that knows the fields there are', async () => {
      const filter: Filter = { kind: 'compare', field: 'yaer', op: 'eq', value: 1 };
      await expect(found({ filter })).rejects.toMatchObject({ code: 'invalid_filter' });
    });

    it('that finds one document with all its passages in their order', async () => {
      const index = postgresCandidateIndex(opened().database, opened().embeddings, everywhere);
      const openDocument = (id: string) => index.openDocument({ tenant, readers: ['user:anne'], id });
      const search = await openDocument('travel');
      const { documents, exhausted } = await search.next(50);
      expect(documents).toEqual([{ documentId: 'travel', version: 1, score: 1 }]);
      expect(exhausted).toBe(true);
      const passages = await search.within(documents, 50);
      expect(passages.map(({ chunkId }) => Number(chunkId))).toEqual(
        passages.map(({ chunkId }) => Number(chunkId)).toSorted((a, b) => a - b),
      );
      expect(passages).toHaveLength(2);
      for (const id of ['hidden', 'elsewhere', 'none', 'a\0b'])
        expect((await (await openDocument(id)).next(50)).documents).toEqual([]);
    });
  });
}
