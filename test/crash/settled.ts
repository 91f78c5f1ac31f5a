import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { auditKeys } from '../../src/adapters/audit-keys.ts';
import { postgresArchive } from '../../src/adapters/postgres/audit-archive.ts';
import { verifyTrail } from '../../src/audit/verify.ts';
import { DEFAULT_TENANT } from '../../src/types/principal.ts';
import { difference, type Tuple, tupleKey } from '../../src/types/tuple.ts';
import type { Deployment } from './deployment.ts';
import { type DocumentHistory, type State, sameState } from './history.ts';
import { readersOf } from './stages.ts';
import { textProblem } from './text.ts';
import { EVERYONE, OUTSIDER, randomCopy, type World } from './world.ts';

/** Documents that are asked about at the same time. */
const AT_ONCE = 6;
/** Longer than a lease and the first retries after it. */
const DRAIN_MS = 90_000;

const whole = z.object({ passages: z.array(z.object({ text: z.string() })) });
const found = z.object({ results: z.array(z.object({ document_id: z.string(), text: z.string() })) });
const readiness = z.object({ pending_steps: z.int() });

export async function outboxDrained(world: World): Promise<void> {
  const deadline = Date.now() + DRAIN_MS;
  for (;;) {
    const response = await fetch(`${urlOf(world)}/readyz`);
    const { data } = readiness.safeParse(await response.json());
    if (data?.pending_steps === 0) return;
    if (Date.now() > deadline) throw new Error(`the outbox holds ${data?.pending_steps} steps still`);
    await sleep(200);
  }
}

/** What is not as the writers were told, once nobody writes and nothing waits: what is lost, and what is half there. */
export async function differences(deployment: Deployment, world: World): Promise<readonly string[]> {
  const all: string[] = [];
  const left = [...world.documents];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop())
        all.push(...(await differencesOf(deployment, world, next)));
    }),
  );
  return [
    ...all,
    ...(await leftOver(deployment)),
    ...(await ledgerDifferences(deployment)),
    ...(await trailProblems(deployment, world)),
  ];
}

/** Answers that are in no record, and what doesn't prove itself of those that there are. */
async function trailProblems(
  { database, config }: Deployment,
  { decisions }: World,
): Promise<readonly string[]> {
  const { rows } = await database.query<{ decision_id: string }>(`SELECT decision_id FROM audit`);
  const recorded = new Set(rows.map(({ decision_id }) => decision_id));
  const { trusted } = await auditKeys(undefined, config.dataDir);
  const { problems } = await verifyTrail(postgresArchive(database), DEFAULT_TENANT, trusted);
  return [
    ...[...decisions].filter((id) => !recorded.has(id)).map((id) => `answer ${id} has no record`),
    ...problems.map((problem) => `audit trail: ${problem}`),
  ];
}

async function differencesOf(
  deployment: Deployment,
  world: World,
  document: DocumentHistory,
): Promise<readonly string[]> {
  const { id } = document;
  const problems: string[] = [];
  const seen = new Map<string, string>();
  for (const person of EVERYONE) {
    const texts = await read(world, person, id);
    if (texts.length === 0) continue;
    const word = /\bw\d+v\d+x\b/.exec(texts[0] ?? '')?.[0] ?? '';
    seen.set(person, word);
    const problem = textProblem(word, texts);
    if (problem !== undefined) problems.push(`${id}: ${problem}`);
  }
  const readers = await readersOf(deployment, id);
  const published = await publishedWord(deployment, id);
  // Nobody may read what is shared with nobody: its text is then known by the store alone.
  const is: State | undefined = published === undefined ? undefined : { word: published, readers };
  if (!document.possible.some((state) => sameState(state, is)))
    problems.push(`${id} is ${print(is)}, and should be ${document.possible.map(print).join(' or ')}`);
  if (is === undefined && readers.length > 0)
    problems.push(`${id} is gone, and shared with ${readers.join('+')} still`);
  for (const person of EVERYONE) {
    const expected = is?.readers.includes(person) === true ? is.word : undefined;
    if (seen.get(person) !== expected)
      problems.push(`${id} is ${print(is)}, and ${person} reads ${seen.get(person)}`);
  }
  if (is !== undefined) problems.push(...(await searchProblems(world, id, is)));
  return problems;
}

async function searchProblems(
  world: World,
  id: string,
  { word, readers }: State,
): Promise<readonly string[]> {
  const [reader] = readers;
  const problems: string[] = [];
  if (reader !== undefined && !(await search(world, reader, word)).includes(id))
    problems.push(`${id}: ${reader} does not find it by ${word}`);
  if ((await search(world, OUTSIDER, word)).length > 0)
    problems.push(`${id}: ${OUTSIDER} finds something by ${word}`);
  return problems;
}

/** Rows that belong to nothing. */
async function leftOver({ database }: Deployment): Promise<readonly string[]> {
  const questions: Readonly<Record<string, string>> = {
    'steps in the outbox': 'SELECT FROM outbox',
    'versions that are not the published one': `SELECT FROM versions v JOIN documents d ON d.no = v.document_no
       WHERE d.published_version IS DISTINCT FROM v.version`,
    'published versions that are not there': `SELECT FROM documents d WHERE published_version IS NOT NULL
       AND NOT EXISTS (SELECT FROM versions WHERE document_no = d.no AND version = d.published_version)`,
    'chunks of no version': `SELECT FROM chunks c
       WHERE NOT EXISTS (SELECT FROM versions v WHERE v.document_no = c.document_no AND v.version = c.version)`,
    'chunks without text': 'SELECT FROM chunks WHERE id NOT IN (SELECT chunk_id FROM chunk_texts)',
    'texts of no chunk': 'SELECT FROM chunk_texts WHERE chunk_id NOT IN (SELECT id FROM chunks)',
    'tenants whose chunks are miscounted': `SELECT FROM collections WHERE chunks <> (SELECT count(*) FROM chunks)`,
    'lexemes that are miscounted': `SELECT FROM lexeme_frequencies f FULL JOIN
       (SELECT lexeme_dimension(l.lexeme) AS dimension, count(*) AS chunks FROM chunks, unnest(lexemes) l GROUP BY 1) c
       USING (dimension) WHERE coalesce(f.chunks, 0) <> coalesce(c.chunks, 0)`,
  };
  const problems: string[] = [];
  for (const [what, sql] of Object.entries(questions)) {
    const { rowCount } = await database.query(sql);
    if (rowCount !== 0) problems.push(`${rowCount} ${what}`);
  }
  return problems;
}

/** The store's copy of the relationships follows the engine within a second or so. */
async function ledgerDifferences({ database, openfga, store }: Deployment): Promise<readonly string[]> {
  const held = await openfga.read(store.storeId, {});
  for (let tries = 0; ; tries += 1) {
    const { rows } = await database.query<Tuple>('SELECT object, relation, "user" FROM relationships');
    const { deletes, writes } = difference(rows, held);
    if (deletes.length + writes.length === 0) return [];
    if (tries === 20)
      return [...deletes, ...writes].map((tuple) => `the ledger and OpenFGA differ: ${tupleKey(tuple)}`);
    await sleep(500);
  }
}

async function publishedWord({ database }: Deployment, id: string): Promise<string | undefined> {
  const { rows } = await database.query<{ word: string }>(
    `SELECT v.metadata->>'word' AS word FROM documents d
     JOIN versions v ON v.document_no = d.no AND v.version = d.published_version WHERE d.id = $1`,
    [id],
  );
  return rows[0]?.word;
}

async function read(world: World, person: string, id: string): Promise<readonly string[]> {
  const response = await fetch(`${urlOf(world)}/v1/documents/${id}`, { headers: headersOf(world, person) });
  const body: unknown = await response.json();
  if (response.status === 404) return [];
  return whole.parse(body).passages.map(({ text }) => text);
}

async function search(world: World, person: string, query: string): Promise<readonly string[]> {
  const response = await fetch(`${urlOf(world)}/v1/retrieve`, {
    method: 'POST',
    headers: { ...headersOf(world, person), 'content-type': 'application/json' },
    body: JSON.stringify({ query, k: 3 }),
  });
  return found.parse(await response.json()).results.map(({ document_id }) => document_id);
}

function headersOf({ tokens }: World, person: string): Record<string, string> {
  return { authorization: `Bearer ${tokens.of.get(person)}` };
}

function urlOf(world: World): string {
  const copy = randomCopy(world);
  if (copy === undefined) throw new Error('no copy of the service is up');
  return copy.url;
}

function print(state: State | undefined): string {
  return state === undefined ? 'absent' : `${state.word} for ${state.readers.join('+') || 'nobody'}`;
}
