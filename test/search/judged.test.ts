import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { importDocuments } from '../../ingest/import.ts';
import { importRelationships } from '../../ingest/import-relationships.ts';
import { operatorOf } from '../../src/operator.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { readNdjson, sharedData } from '../support/shared-data.ts';
import { ndcg } from './ndcg.ts';

const folder = sharedData('ir');

/** `npm run test:judged` runs both; the test command the smaller one. */
const collections = [
  { collection: 'scifact', least: 0.68 },
  { collection: 'cranfield', least: 0.365 },
].filter(({ collection }) => collection === 'cranfield' || process.env.JUDGED_FULL !== undefined);

describe.skipIf(folder === undefined).each(collections)(
  'judged searches: $collection',
  ({ collection, least }) => {
    if (folder === undefined) return;
    let service: TestService;

    beforeAll(async () => {
      service = await openTestService({ RATE_LIMIT_PER_MINUTE: '1000000' });
      const operator = await operatorOf(service.config);
      const documents = readNdjson<{ id: string; title: string; text: string }>(
        join(folder, collection, 'corpus.ndjson.gz'),
      )
        // Cranfield has two documents without text and some without a title.
        .filter(({ title, text }) => `${title}${text}`.trim() !== '')
        .map(({ id, title, text }) => ({ id, title: title.trim() || id, text: text.trim() || title }));
      const tuples = documents.map(({ id }) => ({
        user: 'user:*',
        relation: 'viewer',
        object: `document:${id}`,
      }));
      for await (const { rejected } of importRelationships(service.write, operator, ndjson(tuples))) {
        expect(rejected).toEqual([]);
      }
      for await (const outcome of importDocuments(service.write, operator, ndjson(documents))) {
        expect(outcome).toMatchObject({ status: 'published' });
      }
    }, 600_000);

    afterAll(() => service?.close());

    test(`nDCG@10 of the default search is at least ${least}`, async () => {
      const judgements = readJudgements(join(folder, collection, 'qrels.tsv'));
      const token = await service.token('anyone');
      const scores: number[] = [];
      for (const { id, text } of readNdjson<{ id: string; text: string }>(
        join(folder, collection, 'queries.ndjson'),
      )) {
        const judged = judgements.get(id);
        if (judged === undefined) continue;
        const { results, complete } = await retrieve(service.read, token, { query: text, k: 50 });
        expect(complete).toBe(true);
        const found = [...new Set(results.map(({ document_id }) => document_id))];
        scores.push(ndcg(found.slice(0, 10), judged));
      }
      const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
      console.log(`${collection}: nDCG@10 ${mean.toFixed(4)} over ${scores.length} queries`);
      expect(mean).toBeGreaterThanOrEqual(least);
    }, 600_000);
  },
);

function ndjson(lines: readonly unknown[]): Readable {
  return Readable.from(lines.map((line) => Buffer.from(`${JSON.stringify(line)}\n`)));
}

function readJudgements(file: string): Map<string, Map<string, number>> {
  const judgements = new Map<string, Map<string, number>>();
  for (const line of readFileSync(file, 'utf8').trim().split('\n').slice(1)) {
    const [query = '', document = '', grade = ''] = line.split('\t');
    const judged = judgements.get(query) ?? new Map<string, number>();
    judgements.set(query, judged.set(document, Number(grade)));
  }
  return judgements;
}
