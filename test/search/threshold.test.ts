import { createReadStream } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importDocuments } from '../../ingest/import.ts';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { forStemmer, lexicalQuery, type QueryLexeme } from '../../src/adapters/postgres/search/bm25.ts';
import { vectorLiteral } from '../../src/adapters/postgres/search/candidate-index.ts';
import { exactSearch } from '../../src/adapters/postgres/search/exact-search.ts';
import type { PreparedQuestion } from '../../src/adapters/postgres/search/question-sql.ts';
import { threshold, thresholdSearch } from '../../src/adapters/postgres/search/threshold-search.ts';
import {
  dropVectorIndex,
  ensureVectorIndex,
  hasVectorIndex,
} from '../../src/adapters/postgres/search/vector-index.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import { operatorOf } from '../../src/operator.ts';
import type { CandidateSearch, RankedDocument } from '../../src/ports/search.ts';
import { joinStore } from '../support/parts.ts';
import { openTestService, type TestService } from '../support/service.ts';

const queries = [
  'What is the lowest price for a Tarn 12 cold room?',
  'alarm outage of 14 February',
  'parental leave',
  'of the',
  'zzzzz unknown words only',
];

describe('two lists and a threshold', () => {
  let service: TestService;
  let database: Database;

  beforeAll(async () => {
    service = await openTestService();
    const corpus = createReadStream(new URL('../../demo/corpus/documents.ndjson', import.meta.url));
    for await (const outcome of importDocuments(service.write, await operatorOf(service.config), corpus)) {
      expect(outcome.status).toBe('published');
    }
    database = await joinStore(service.config.dataDir);
  });

  afterAll(async () => {
    await database?.close();
    await service?.close();
  });

  test.each(queries)('give the documents of "%s" in the order of one exact scan', async (query) => {
    const question = await prepare(query);
    const exact = await walk(exactSearch(database, question), 1_000);
    // Lists of 4 and 16 chunks, so that the threshold has something to prove on 67 documents.
    for (const step of [1, 3, 50]) {
      expect(await walk(thresholdSearch(database, question, [4, 16]), step)).toEqual(exact);
    }
  });

  test('without the threshold the order is wrong: the lists alone do not know what they have not shown', async () => {
    const question = await prepare(queries[0] ?? '');
    const exact = await walk(exactSearch(database, question), 1_000);
    const careless = await walk(
      thresholdSearch(database, question, [4, 16], () => Number.NEGATIVE_INFINITY),
      1_000,
    );
    expect(careless.length).toBeLessThan(exact.length);
  });

  test('a list with fewer rows than asked proves nothing', async () => {
    const question = await prepare(queries[0] ?? '');
    const full = Array.from({ length: 4 }, () => ({ dense: 0.5, lexical: 0.1 }));
    expect(threshold(question, full, full, 4)).toBeLessThan(1);
    expect(threshold(question, full.slice(1), full, 4)).toBe(Number.POSITIVE_INFINITY);
    expect(threshold(question, [], [], 4)).toBe(Number.POSITIVE_INFINITY);
  });

  test('with the approximate index the same documents come in the end, and the answer is not certified', async () => {
    const question = await prepare(queries[1] ?? '');
    const exact = await walk(exactSearch(database, question), 1_000);
    expect(await ensureVectorIndex(database, question.dimension, { from: 1 })).toBe(true);
    try {
      expect(await hasVectorIndex(database)).toBe(true);
      const search = thresholdSearch(database, question, [4, 16]);
      const found = await walk(search, 5);
      expect(found.map(({ documentId }) => documentId).toSorted()).toEqual(
        exact.map(({ documentId }) => documentId).toSorted(),
      );
      expect(search.exact()).toBe(false);
      const opened = await service.read.index.open(
        { tenant: 'default', query: 'leave' },
        AbortSignal.timeout(5_000),
      );
      expect(opened.exact()).toBe(false);
    } finally {
      await dropVectorIndex(database);
    }
  });

  async function prepare(query: string): Promise<PreparedQuestion> {
    const embeddings = await staticEmbeddings();
    const [embedding = new Float32Array()] = await embeddings.embed([query]);
    const { rows } = await database.query<QueryLexeme & { n: number }>(
      `SELECT q.lexeme, f.dimension, f.chunks, (SELECT chunks FROM collections) AS n
       FROM unnest(to_tsvector('english', $1)) q JOIN lexeme_frequencies f ON f.dimension = lexeme_dimension(q.lexeme)`,
      [forStemmer(query)],
    );
    return {
      tenant: 'default',
      embedding: vectorLiteral(embedding),
      dimension: embeddings.dimension,
      lexical: lexicalQuery(rows, rows[0]?.n ?? 0),
      denseWeight: embeddings.denseWeight,
    };
  }
});

async function walk(search: CandidateSearch, step: number): Promise<RankedDocument[]> {
  const found: RankedDocument[] = [];
  for (;;) {
    const { documents, exhausted } = await search.next(step);
    found.push(...documents);
    if (exhausted || documents.length === 0) return found;
  }
}
