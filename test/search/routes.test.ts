import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDocuments } from '../../src/adapters/postgres/documents.ts';
import { postgresCandidateIndex } from '../../src/adapters/postgres/search/candidate-index.ts';
import { type Extent, type Tuning, usualTuning } from '../../src/adapters/postgres/search/choose-route.ts';
import { measureTuning } from '../../src/adapters/postgres/search/measure-tuning.ts';
import { publishedOf } from '../../src/adapters/postgres/search/published.ts';
import type { PreparedQuestion } from '../../src/adapters/postgres/search/question-sql.ts';
import type { Searched } from '../../src/adapters/postgres/search/searched.ts';
import { storedTuning, storeTuning } from '../../src/adapters/postgres/search/stored-tuning.ts';
import { threshold } from '../../src/adapters/postgres/search/threshold.ts';
import { thresholdSearch } from '../../src/adapters/postgres/search/threshold-search.ts';
import { ensureVectorIndex } from '../../src/adapters/postgres/search/vector-index.ts';
import type { CandidateSearch, RankedDocument } from '../../src/ports/search.ts';
import { DocumentSet } from '../../src/types/document-set.ts';
import {
  embeddedStore,
  newTenant,
  publish,
  SOURCE,
  type Store,
  serverStore,
} from '../contract/store/stores.ts';
import { realParts } from '../support/real-parts.ts';
import { prepare as prepareQuestion } from './prepared.ts';
import { everywhere, forced, only } from './scopes.ts';

const stores = [
  { name: 'PGlite', open: embeddedStore, there: true },
  { name: 'a Postgres server', open: serverStore, there: realParts() !== undefined },
];

const DOCUMENTS = 60;
const CHUNKS = 6;

/** Each passage is of one topic and has words of its own, so that neither list alone has the fused order. */
const topics = {
  travel: ['train', 'flight', 'hotel', 'booking', 'passport', 'airport', 'ticket', 'taxi'],
  storage: ['database', 'disk', 'backup', 'replica', 'index', 'query', 'server', 'cluster'],
};
const passages = (topic: keyof typeof topics, n: number): string[] =>
  Array.from({ length: CHUNKS }, (_, i) => {
    const word = (step: number) => topics[topic][(n * step + i * 3) % 8] ?? '';
    return `${word(1)} ${word(3)} and ${word(5)} ${word(7)}, note ${n % 7} part ${i} of ${word(2)}`;
  });

const queries = ['train booking at the airport', 'note 3', 'backup of a flight', 'of the', 'zzzzz unknown'];

describe.each(stores)('routes on $name', ({ open, there }) => {
  describe.skipIf(!there)('give', () => {
    const tenant = newTenant();
    let store: Store;
    let database: Database;
    const travel: number[] = [];
    const storage: number[] = [];
    let elsewhere = 0;
    let hidden = 0;

    beforeAll(async () => {
      store = await open();
      database = store.database;
      for (let n = 0; n < DOCUMENTS; n += 1) {
        const topic = n % 4 === 0 ? 'storage' : 'travel';
        const { no } = await publish(store, tenant, `${topic}-${n}`, passages(topic, n), {
          tenth: n % 10,
          topic,
        });
        (topic === 'storage' ? storage : travel).push(no);
      }
      elsewhere = (await publish(store, newTenant(), 'elsewhere', passages('travel', 1))).no;
      hidden = (await publish(store, tenant, 'hidden', passages('travel', 2))).no;
      await postgresDocuments(database).enqueueDelete({ no: hidden, source: SOURCE });
      await stageOver(travel[1] ?? 0);
      const concurrently = store.owner !== database;
      await ensureVectorIndex(store.owner, store.embeddings.dimension, { from: 1, concurrently });
      await store.owner.query('ANALYZE chunks');
    });

    afterAll(() => store?.close());

    /** A next version of a document that is not published yet. */
    async function stageOver(no: number): Promise<void> {
      await store.owner.query(
        `INSERT INTO chunks (document_no, version, ordinal, embedding, weights, lexemes, text_hash, tenant)
         SELECT document_no, 2, ordinal, embedding, weights, lexemes, text_hash, tenant FROM chunks WHERE document_no = $1`,
        [no],
      );
    }

    const shares: [name: string, readable: () => number[]][] = [
      ['one document', () => storage.slice(3, 4)],
      ['every third', () => [...travel, ...storage].filter((_, i) => i % 3 === 0)],
      ['another topic', () => [...storage, ...travel.slice(0, 2)]],
      [
        'everything, hidden documents and those of another tenant too',
        () => [...travel, ...storage, hidden, elsewhere],
      ],
    ];

    describe.each(shares)('of %s', (_, readable) => {
      test.each(['listed', 'scan', 'approximate'] as const)('the same by the route %s', async (name) => {
        for (const query of queries) {
          const numbers = readable();
          const expected = await bruteForce(query, numbers);
          for (const step of [1, 7, 50]) {
            const search = await opened(query, numbers, forced[name]);
            expect(await walk(search, step)).toEqual(expected);
            expect(search.narrowed).toBe(true);
            expect(search.route()).toMatchObject({ documents: numbers.length });
            if (name !== 'approximate') expect(search.route().name).toBe(name);
          }
        }
      });
    });

    test('the same everywhere, where the permission index can not say', async () => {
      for (const query of queries) {
        const expected = await bruteForce(query, [...travel, ...storage]);
        for (const tuning of [forced.scan, forced.approximate]) {
          const index = postgresCandidateIndex(database, store.embeddings, everywhere, tuning);
          const search = await index.open({ tenant, query, readers: [] }, AbortSignal.timeout(10_000));
          expect(await walk(search, 9)).toEqual(expected);
          expect(search.narrowed).toBe(false);
          expect(search.route().why).toContain('There is no telling.');
        }
      }
    });

    test('the best first from lists alone, and then say that the order is not proved', async () => {
      const numbers = [...travel, ...storage];
      const search = await opened('note 3', numbers, forced.approximate);
      const { documents, exhausted } = await search.next(1);
      expect(documents).toEqual((await bruteForce('note 3', numbers)).slice(0, 1));
      expect(exhausted).toBe(false);
      expect(search.route().name).toBe('approximate');
      expect(search.exact()).toBe(false);
    });

    test('exactly, however soon the vector index would be, where a certified answer is asked for', async () => {
      const numbers = [...travel, ...storage];
      const index = postgresCandidateIndex(
        database,
        store.embeddings,
        await only(database, numbers),
        forced.approximate,
      );
      const search = await index.open(
        { tenant, query: 'note 3', readers: [], exactness: 'certified' },
        AbortSignal.timeout(10_000),
      );
      expect(await search.next(1)).toEqual({
        documents: (await bruteForce('note 3', numbers)).slice(0, 1),
        exhausted: false,
      });
      expect(search.exact()).toBe(true);
      expect(search.route().why).toContain('certified');
    });

    test('nothing, without asking, where nothing may be read', async () => {
      const search = await opened(queries[0] ?? '', [], usualTuning(256));
      expect(await search.next(5)).toEqual({ documents: [], exhausted: true });
      expect(search.route().name).toBe('nothing');
    });

    test.each(['listed', 'scan', 'approximate'] as const)(
      'what a filter leaves of what may be read, by the route %s',
      async (name) => {
        const numbers = [...travel.slice(5), ...storage.slice(5)];
        const expected = await bruteForce('note 3', numbers, `v.metadata ->> 'tenth' = '4'`);
        expect(expected.length).toBeGreaterThan(2);
        const filter = { kind: 'compare', field: 'tenth', op: 'eq', value: 4 } as const;
        for (const permissions of [await only(database, numbers), everywhere]) {
          const index = postgresCandidateIndex(database, store.embeddings, permissions, forced[name]);
          const asked = { tenant, query: 'note 3', readers: [], filter };
          const search = await index.open(asked, AbortSignal.timeout(10_000));
          const found = await walk(search, 2);
          const within = found.filter(({ documentId }) => expected.some((e) => e.documentId === documentId));
          expect(within).toEqual(expected);
          if (permissions !== everywhere) expect(found).toEqual(expected);
          expect(search.route().documents).toBe(found.length);
        }
      },
    );

    test('nothing of a document that was published after the permission index was asked', async () => {
      const numbers = [...travel, ...storage];
      for (const tuning of Object.values(forced)) {
        const search = await opened('note 3', numbers, tuning);
        const late = await publish(store, tenant, 'late', ['note 3 note 3'], { tenth: 11, topic: 'travel' });
        expect((await walk(search, 10)).map(({ documentId }) => documentId)).not.toContain('late');
        await postgresDocuments(database).enqueueDelete({ no: late.no, source: SOURCE });
      }
    });

    test('the newer version of a document that was replaced after the permission index was asked', async () => {
      for (const [route, tuning] of Object.entries(forced)) {
        const { no } = await publish(store, tenant, route, ['note 3'], { topic: 'travel' });
        const search = await opened('note 3', [...storage, no], tuning);
        const { version } = await publish(store, tenant, route, ['note 3'], { topic: 'travel' });
        const found = (await walk(search, 4)).find(({ documentId }) => documentId === route);
        expect(found?.version).toBe(version);
        await postgresDocuments(database).enqueueDelete({ no, source: SOURCE });
      }
    });

    test('a version that was replaced after it was found, so that enforcement finds it gone and says so', async () => {
      const { no, version } = await publish(store, tenant, 'gone', ['note 3']);
      const newer = await publish(store, tenant, 'gone', ['note 3']);
      const given = async (found: number, known?: number) => {
        const published = () => (known === undefined ? undefined : { id: 'gone', version: known });
        const rows = [{ document_no: no, version: found, score: 1 }];
        const documents = await publishedOf(database, tenant, { ...searchedIn([no]), published }, rows);
        return [...documents.values()].map((document) => document.version);
      };
      for (const known of [undefined, version, newer.version]) {
        expect(await given(version, known)).toEqual([version]);
        expect(await given(newer.version, known)).toEqual([newer.version]);
        expect(await given(newer.version + 1, known), 'staged').toEqual([]);
      }
      await postgresDocuments(database).enqueueDelete({ no, source: SOURCE });
      expect(await given(newer.version), 'hidden').toEqual([]);
    });

    describe('from a vector index that stops early', () => {
      const search = async (highestUnseen?: typeof threshold) => {
        const numbers = [...travel, ...storage];
        const stopping: Database = {
          ...database,
          reading: (settings, work) =>
            database.reading(
              `${settings}; SET LOCAL hnsw.iterative_scan = off; SET LOCAL hnsw.ef_search = 10`,
              work,
            ),
        };
        const question = await farWord();
        return {
          expected: await bruteForce(question, numbers),
          search: thresholdSearch(
            stopping,
            question,
            searchedIn(numbers),
            extentOf(numbers),
            forced.approximate,
            highestUnseen,
          ),
        };
      };

      test('the right order all the same, and say how', async () => {
        const { expected, search: honest } = await search();
        expect(await walk(honest, 3)).toEqual(expected);
        expect(honest.gaveUp()?.why).toContain('too few');
        expect(honest.exact()).toBe(true);
      });

      test('a wrong one if a short list counted as all there is', async () => {
        const { expected, search: careless } = await search((question, lists) =>
          lists.full ? threshold(question, lists) : Number.NEGATIVE_INFINITY,
        );
        expect(await walk(careless, 3)).not.toEqual(expected);
      });
    });

    test('a wrong order without the threshold: lists do not know what they have not shown', async () => {
      const numbers = [...travel, ...storage];
      const question = await farWord();
      const expected = await bruteForce(question, numbers);
      const search = (highestUnseen?: typeof threshold) =>
        thresholdSearch(
          database,
          question,
          searchedIn(numbers),
          extentOf(numbers),
          forced.approximate,
          highestUnseen,
        );
      expect(await walk(search(), 1)).toEqual(expected);
      expect(
        await walk(
          search(() => -1),
          1,
        ),
      ).not.toEqual(expected);
    });

    /** The word stands in passages far from the query, which come up before nearer ones that neither list shows. */
    async function farWord(): Promise<PreparedQuestion> {
      const { lexical } = await prepare('cluster');
      return { ...(await prepare('train booking at the airport')), lexical, denseWeight: 0.9 };
    }

    test('and measure what they cost here', async () => {
      const { dimension } = store.embeddings;
      const usual = usualTuning(dimension);
      const tuning = await measureTuning(database, dimension);
      expect(Object.keys(tuning).toSorted()).toEqual(Object.keys(usual).toSorted());
      for (const cost of Object.values(tuning)) expect(cost).toBeGreaterThan(0);
      expect(await storedTuning(database, dimension)).toEqual(usual);
      await storeTuning(store.owner, tuning);
      expect(await storedTuning(database, dimension)).toEqual(tuning);
      const { listed, scanned, scored, visited } = tuning;
      const older = { listed, scanned, scored, visited };
      await store.owner.query('UPDATE search_tuning SET tuning = $1', [JSON.stringify(older)]);
      expect(await storedTuning(database, dimension)).toEqual({ ...usual, ...older });
    });

    const searchedIn = (numbers: readonly number[]): Searched => ({
      watermark: '1',
      narrowed: true,
      why: 'These may be read.',
      documents: DocumentSet.of(numbers),
      chunks: numbers.length * CHUNKS,
      published: () => undefined,
    });

    const extentOf = (numbers: readonly number[]): Extent => ({
      rows: numbers.length * CHUNKS,
      total: DOCUMENTS * CHUNKS,
      listable: true,
      indexed: true,
    });

    async function opened(
      query: string,
      numbers: readonly number[],
      tuning: Tuning,
    ): Promise<CandidateSearch> {
      const index = postgresCandidateIndex(database, store.embeddings, await only(database, numbers), tuning);
      return index.open({ tenant, query, readers: ['user:anne'] }, AbortSignal.timeout(10_000));
    }

    const prepare = (query: string) => prepareQuestion(database, store.embeddings, tenant, query);

    /** Every passage scored, with nothing of the routes' own SQL. */
    async function bruteForce(
      asked: string | PreparedQuestion,
      numbers: readonly number[],
      where = 'true',
    ): Promise<RankedDocument[]> {
      const { embedding, lexical, denseWeight } = typeof asked === 'string' ? await prepare(asked) : asked;
      const bm25 = lexical === undefined ? '0' : `-(c.weights <#> '${lexical.sparse}'::sparsevec)`;
      const { rows } = await database.query<RankedDocument>(
        `SELECT d.id AS "documentId", c.version,
           max($1::float8 * -(c.embedding <#> $2::vector) + $3::float8 * ${bm25}) AS score
         FROM chunks c JOIN documents d ON d.no = c.document_no JOIN versions v ON v.document_no = d.no AND v.version = c.version
         WHERE d.tenant = $4 AND d.published_version = c.version AND d.no = ANY($5::bigint[]) AND ${where}
         GROUP BY d.id, c.version ORDER BY score DESC, d.id`,
        [
          denseWeight,
          embedding,
          lexical === undefined ? 0 : (1 - denseWeight) / lexical.bound,
          tenant,
          numbers,
        ],
      );
      return rows;
    }
  });
});

async function walk(search: Pick<CandidateSearch, 'next'>, step: number): Promise<RankedDocument[]> {
  const found: RankedDocument[] = [];
  for (;;) {
    const { documents, exhausted } = await search.next(step);
    found.push(...documents);
    if (exhausted) return found;
    if (documents.length === 0) throw new Error('neither documents nor the end');
  }
}
