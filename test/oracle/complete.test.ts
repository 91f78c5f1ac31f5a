import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writerOf } from '../../ingest/writer.ts';
import { permissionIndex } from '../../src/adapters/permission-index/permission-index.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { postgresCandidateIndex } from '../../src/adapters/postgres/search/candidate-index.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { CandidateIndex, CandidateSearch } from '../../src/ports/search.ts';
import { MAX_CHECKED_DOCUMENTS } from '../../src/retrieve/enforce.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { engineOf } from '../support/engines.ts';
import { openParts, type Parts } from '../support/parts.ts';
import { put } from '../support/seed.ts';

const dsl = `model
  schema 1.1
type user
type agent
type document
  relations
    define viewer: [user, user with is_open]
    define blocked: [user]
    define can_read: viewer but not blocked
condition is_open(open: bool) {
  open
}`;
const DOCUMENTS = 30;
const query = 'harbour';
const tuple = (relation: string, id: number, open?: boolean): Tuple => ({
  user: 'user:anne',
  relation,
  object: `document:${id}`,
  ...(open === undefined ? {} : { condition: { name: 'is_open', context: { open } } }),
});

let parts: Parts;
let anne: string;
let relationships: ReturnType<typeof postgresRelationships>;
/** Best first, as one finds them who may read them all. */
let order: readonly number[];

beforeAll(async () => {
  parts = await openParts(dsl);
  relationships = postgresRelationships(parts.database);
  const root = await parts.token('root', { scopes: ['admin'] });
  const admin = writerOf(await parts.read.identity.verify(root));
  for (let id = 0; id < DOCUMENTS; id += 1) {
    await put(parts.write, admin, String(id), `${'harbour '.repeat(id + 1)} and ${'boats '.repeat(30)}`);
  }
  anne = await parts.token('anne', { scopes: ['retrieve', 'admin'] });
  await allow(Array.from({ length: DOCUMENTS }, (_, id) => id));
  const { results } = await ask(parts.read, 50);
  order = results.map(({ document_id }) => Number(document_id));
  expect(order).toHaveLength(DOCUMENTS);
});
afterAll(() => parts.close());

const ask = (read: ReadPath, k: number) => retrieve(read, anne, { query, k, debug: true });
const found = (answer: Awaited<ReturnType<typeof ask>>) =>
  answer.results.map(({ document_id }) => Number(document_id));

/** Makes these, and nothing else, what Anne has on any document. */
async function relate(tuples: readonly Tuple[]): Promise<void> {
  const pages = await Array.fromAsync(relationships.pages('default'));
  await relationships.write('default', { writes: [], deletes: pages.flat() });
  await relationships.write('default', { writes: tuples, deletes: [] });
}
const allow = (ids: readonly number[]) => relate(ids.map((id) => tuple('viewer', id)));

/** A search that is changed on its way. */
function withSearch(change: (search: CandidateSearch) => CandidateSearch): ReadPath {
  const { index } = parts.read;
  const open: CandidateIndex['open'] = async (question, signal) => change(await index.open(question, signal));
  return { ...parts.read, index: { ...index, open } };
}

describe('an answer as of its watermark', () => {
  /** Grants the best document once the index has said what may be read. */
  const grantsMeanwhile = (search: CandidateSearch): CandidateSearch => ({
    ...search,
    async next(count) {
      await relationships.write('default', { writes: [tuple('viewer', order[0] ?? 0)], deletes: [] });
      return search.next(count);
    },
  });

  it('lacks what was granted after the index was asked, and says that it is older than that', async () => {
    await allow(order.slice(1));
    const before = await relationships.watermark('default');
    const answer = await ask(withSearch(grantsMeanwhile), 3);
    expect(found(answer)).toEqual(order.slice(1, 4));
    expect(answer).toMatchObject({ complete: true, watermark: before });

    const after = await ask(parts.read, 3);
    expect(found(after)).toEqual(order.slice(0, 3));
    expect(Number(after.watermark)).toBeGreaterThan(Number(before));
  });

  it('would claim to have what it lacks, were its watermark read at the end', async () => {
    await allow(order.slice(1));
    const { watermark: before } = await ask(parts.read, 3);
    const { index } = parts.read;
    const read: ReadPath = {
      ...parts.read,
      index: {
        ...index,
        async open(question, signal) {
          const { watermark: _, ...search } = await index.open(question, signal);
          // As if the index had been asked a while ago.
          await relationships.write('default', { writes: [tuple('viewer', order[0] ?? 0)], deletes: [] });
          return search;
        },
      },
    };
    const answer = await ask(read, 3);
    expect(found(answer)).not.toContain(order[0]);
    expect(answer.complete).toBe(true);
    expect(Number(answer.watermark)).toBeGreaterThan(Number(before));
  });
});

describe('what the index lets through and the engine denies', () => {
  const readable = 5;
  const shapes: readonly [string, (id: number) => readonly Tuple[]][] = [
    ['for a "but not"', (id) => [tuple('viewer', id), tuple('blocked', id)]],
    ['for a condition that is not met', (id) => [tuple('viewer', id, false)]],
  ];

  it.each(shapes)('%s costs checks, and no passage', async (_, denied) => {
    await relate([
      ...order.slice(0, -readable).flatMap(denied),
      ...order.slice(-readable).map((id) => tuple('viewer', id)),
    ]);
    for (const k of [1, 3, readable]) {
      const answer = await ask(parts.read, k);
      expect(found(answer)).toEqual(order.slice(-readable).slice(0, k));
      expect(answer).toMatchObject({ complete: true, certified: true });
      expect(answer.debug?.documents).toBe(DOCUMENTS);
      expect(answer.debug?.checked).toBeGreaterThan(DOCUMENTS - readable);
    }
    const fewer = await ask(parts.read, readable + 1);
    expect(found(fewer)).toEqual(order.slice(-readable));
    expect(fewer).toMatchObject({ complete: true, certified: true });
  });

  it('would make answers that lack some, were a list that came up short taken for all there is', async () => {
    await relate([
      ...order.map((id) => tuple('viewer', id)),
      ...order.slice(0, -readable).map((id) => tuple('blocked', id)),
    ]);
    const short = withSearch((search) => ({
      ...search,
      next: async (count) => ({ ...(await search.next(count)), exhausted: true }),
    }));
    const answer = await ask(short, 3);
    expect(answer.complete).toBe(true);
    expect(found(answer)).toEqual([]);
  });
});

describe('the budget of checks', () => {
  /** So many documents, of which the last is one that Anne may read and the others are nowhere. */
  const searchOver = (count: number) =>
    withSearch((search) => {
      let given = 0;
      return {
        ...search,
        async next(wanted) {
          const from = given;
          given = Math.min(given + wanted, count);
          const documents = Array.from({ length: given - from }, (_, i) => ({
            documentId: from + i === count - 1 ? String(order[0]) : `absent-${from + i}`,
            version: 1,
            score: 1,
          }));
          return { documents, exhausted: given === count };
        },
      };
    });
  const engine = engineOf(({ object }) => object === `document:${order[0]}`);

  it('is said to be spent where one document more was not asked about', async () => {
    const answer = await ask({ ...searchOver(MAX_CHECKED_DOCUMENTS + 1), engine }, 1);
    expect(answer).toMatchObject({
      results: [],
      complete: false,
      shortfall: 'budget_of_checks',
      certified: false,
      debug: { checked: MAX_CHECKED_DOCUMENTS },
    });
  });

  it('is not said to be spent where the last document came just within it', async () => {
    for (const k of [1, 2]) {
      const answer = await ask({ ...searchOver(MAX_CHECKED_DOCUMENTS), engine }, k);
      expect(found(answer)).toEqual([order[0]]);
      expect(answer.complete).toBe(true);
      expect(answer.shortfall).toBeUndefined();
    }
  });
});

it('a walk that was given up leaves the search everywhere, and its answers right', async () => {
  await allow(order.filter((_, i) => i % 3 === 2));
  const { database, read, write } = parts;
  const permissions = permissionIndex(modelFromDsl(dsl), read.guarded, relationships, 3);
  const index = postgresCandidateIndex(database, write.embeddings, permissions);
  for (const k of [1, 4, 50]) {
    const [everywhere, narrowed] = [await ask({ ...read, index }, k), await ask(read, k)];
    expect(everywhere.results).toEqual(narrowed.results);
    expect(everywhere).toMatchObject({ complete: true, certified: true });
    expect(everywhere.debug?.why).toContain('more than 3 ways to documents');
    expect(everywhere.debug).not.toHaveProperty('documents');
    expect(narrowed.debug).toMatchObject({ documents: 10 });
  }
});
