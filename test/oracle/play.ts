import { deleteDocument, putDocument, type WritePath } from '../../ingest/ingest.ts';
import { parseDocument } from '../../ingest/parse.ts';
import { writeRelationships } from '../../ingest/write-relationships.ts';
import { writerOf } from '../../ingest/writer.ts';
import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import type { TupleChanges } from '../../src/ports/engine.ts';
import type { CandidateIndex } from '../../src/ports/search.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import { ClearanceError } from '../../src/types/errors.ts';
import { type Tuple, tupleKey } from '../../src/types/tuple.ts';
import { randomFrom } from '../bench/search/random.ts';
import { worldText } from '../differential/print.ts';
import { allowsAll } from '../support/engines.ts';
import { filters, ids, metadataOf, pick, queries, textOf } from './collection.ts';
import { leaks, losses } from './judge.ts';
import type { Ranked, Truth } from './truth.ts';
import type { OracleWorld } from './world.ts';

/** A service that serves one world. */
export type Deployment = {
  readonly read: ReadPath;
  /** Narrowed by nobody's permissions. */
  readonly everything: CandidateIndex;
  readonly write: WritePath;
  token(subject: string, more: Partial<TokenRequest>): Promise<string>;
  /** Writes relationships past the service. */
  writeElsewhere(tenant: string, changes: TupleChanges): Promise<unknown>;
  /** Resolves once the service has learned of what was written past it; absent where it learns at each question. */
  learned?(truth: Truth): Promise<void>;
};

export type Totals = {
  cases: number;
  leaks: number;
  losses: number;
  complete: number;
  /** Answers that lacked a verdict, which a condition without its context leaves open. */
  undecided: number;
  /** Cases in which some, and not all, of the documents may be read. */
  between: number;
  changes: Record<Change, number>;
};

const changes = ['ours', 'elsewhere', 'put', 'deleted'] as const;
type Change = (typeof changes)[number];

export const noTotals = (): Totals => ({
  cases: 0,
  leaks: 0,
  losses: 0,
  complete: 0,
  undecided: 0,
  between: 0,
  changes: { ours: 0, elsewhere: 0, put: 0, deleted: 0 },
});

/** Tuples that one change touches at most. */
const AT_ONCE = 8;

/** Plays `questions` in one world, with changes between them. Throws on the first answer that is wrong. */
export async function play(
  deployment: Deployment,
  truth: Truth,
  world: OracleWorld,
  questions: number,
  totals: Totals,
): Promise<void> {
  const random = randomFrom(scattered(world.seed));
  const log: string[] = [];
  const { tenant } = truth;
  const admin = writerOf(
    await deployment.read.identity.verify(await deployment.token('root', { tenant, scopes: ['admin'] })),
  );

  const ours = async (chosen: TupleChanges) => {
    await writeRelationships(deployment.write, admin, {
      writes: [...chosen.writes],
      deletes: [...chosen.deletes],
    });
    truth.change(chosen);
  };
  const elsewhere = async (chosen: TupleChanges) => {
    await deployment.writeElsewhere(tenant, chosen);
    truth.change(chosen);
  };
  const put = async (id: string) => {
    const metadata = metadataOf(random);
    const object = `document:${id}`;
    const own = world.universe.filter((tuple) => tuple.object === object && random() < 0.5);
    const isWhole = random() < 0.5;
    const relationships = isWhole ? { relationships: own.map(withoutObject) } : {};
    const body = { title: `Document ${id}`, text: textOf(random), metadata, ...relationships };
    const { status } = await putDocument(deployment.write, admin, parseDocument(id, body));
    if (status !== 'published') throw new Error(`document ${id} is ${status}`);
    truth.published(id, metadata);
    if (!isWhole) return;
    truth.change({
      deletes: [...truth.tuples.values()].filter((tuple) => tuple.object === object),
      writes: own,
    });
  };
  const change = async (kind: Change) => {
    totals.changes[kind] += 1;
    switch (kind) {
      case 'ours':
        return ours(toggled(world.universe, truth, random));
      case 'elsewhere':
        await elsewhere(toggled(world.universe, truth, random));
        // At once, the engine's answers count, and what the index has not heard of is not expected yet.
        if (deployment.learned !== undefined) await ask('leaks');
        return deployment.learned?.(truth);
      case 'put':
        return put(pick(ids, random));
      case 'deleted': {
        const id = pick(ids, random);
        if (!truth.documents.has(id)) return;
        await deleteDocument(deployment.write, admin, id);
        truth.deleted(id);
      }
    }
  };
  const ask = async (what: 'leaks' | 'leaks and losses') => {
    const person = pick(['x', 'x', 'y', 'nobody'], random);
    const actor = random() < 0.5 ? pick(['x', 'y'], random) : undefined;
    const query = pick(queries, random);
    const k = 1 + Math.floor(random() * 10);
    const narrowing = random() < 0.4 ? pick(filters, random) : undefined;
    const readers = [`user:${person}`, ...(actor === undefined ? [] : [`agent:${actor}`])];
    log.push(
      `${readers.join(' and ')} ask for ${k} of "${query}" ${JSON.stringify(narrowing?.filter ?? {})}`,
    );

    const verdicts = new Map(ids.map((id) => [id, truth.verdict(world, readers, id)]));
    const kept = ids.filter((id) => {
      const metadata = truth.documents.get(id);
      return metadata !== undefined && (narrowing?.keeps(metadata) ?? true);
    });
    const readable = (await rankingOf(deployment, truth, query)).filter(
      ({ documentId }) => kept.includes(documentId) && verdicts.get(documentId) === 'allowed',
    );
    totals.cases += 1;
    const allowed = kept.filter((id) => verdicts.get(id) === 'allowed').length;
    if (allowed > 0 && allowed < kept.length) totals.between += 1;

    const answer = await answerOf(deployment, {
      token: await deployment.token(person, { tenant, ...(actor === undefined ? {} : { actor }) }),
      request: { query, k, ...(narrowing === undefined ? {} : { filter: narrowing.filter }) },
    });
    if (answer === 'no verdict') {
      totals.undecided += 1;
      const open = kept.some((id) => verdicts.get(id) === 'undecided');
      if (!open) fail('no verdict, though there is one on every document');
      return;
    }
    const leaked = leaks(answer, { readable, k });
    const lost = what === 'leaks' ? [] : losses(answer, { readable, k });
    totals.leaks += leaked.length;
    totals.losses += lost.length;
    if (answer.complete) totals.complete += 1;
    if (leaked.length + lost.length > 0) fail([...leaked, ...lost].join('\n'));
  };
  const fail = (problem: string): never => {
    const tuples = [...truth.tuples.values()];
    throw new Error(
      [
        problem,
        `tenant ${tenant}, guarded ${world.guarded.type}#${world.guarded.relation}`,
        ...log.slice(-3),
        worldText({ ...world.world, tuples, contextual: [], context: {} }),
      ].join('\n'),
    );
  };

  await elsewhere({
    deletes: [...truth.tuples.values()],
    writes: world.universe.filter(() => random() < 0.5),
  });
  await deployment.learned?.(truth);
  for (const id of ids) if (!truth.documents.has(id)) await put(id);
  for (let asked = 0; asked < questions; asked += 1) {
    if (random() < 0.7) await change(pick(['ours', 'ours', 'elsewhere', 'elsewhere', ...changes], random));
    await ask('leaks and losses');
  }
}

/** Small seeds make small first numbers (Knuth's multiplicative hash). */
function scattered(seed: number): number {
  return Math.imul(seed, 2_654_435_761);
}

/** A few relationships written that are not there, and a few of those there taken away. */
function toggled(universe: readonly Tuple[], truth: Truth, random: () => number): TupleChanges {
  const chosen = new Map<string, Tuple>();
  const count = universe.length === 0 ? 0 : 1 + Math.floor(random() * AT_ONCE);
  for (let i = 0; i < count; i += 1) {
    const tuple = pick(universe, random);
    chosen.set(tupleKey(tuple), tuple);
  }
  const there = (tuple: Tuple) => truth.tuples.has(tupleKey(tuple));
  return {
    writes: [...chosen.values()].filter((tuple) => !there(tuple)),
    deletes: [...chosen.values()]
      .filter(there)
      .map(({ user, relation, object }) => ({ user, relation, object })),
  };
}

/** Every passage of the tenant, best first, by an engine that allows all and a search that nothing narrows. */
async function rankingOf(deployment: Deployment, truth: Truth, query: string): Promise<readonly Ranked[]> {
  const known = truth.rankings.get(query);
  if (known !== undefined) return known;
  const all: ReadPath = { ...deployment.read, engine: allowsAll, index: deployment.everything };
  const token = await deployment.token('root', { tenant: truth.tenant });
  const { results, complete } = await retrieve(all, token, { query, k: 50 });
  const documents = new Set(results.map(({ document_id }) => document_id));
  if (!complete || documents.size !== truth.documents.size)
    throw new Error('the ranking is not of everything');
  const ranking = results.map(({ document_id, chunk_id, score }) => ({
    documentId: document_id,
    chunkId: chunk_id,
    score,
  }));
  truth.rankings.set(query, ranking);
  return ranking;
}

async function answerOf(
  { read }: Deployment,
  { token, request }: { token: string; request: Parameters<typeof retrieve>[2] },
) {
  try {
    return await retrieve(read, token, request);
  } catch (error) {
    if (error instanceof ClearanceError && error.code === 'engine_unavailable') return 'no verdict';
    throw error;
  }
}

function withoutObject({ user, relation, condition }: Tuple) {
  return { user, relation, ...(condition === undefined ? {} : { condition }) };
}
