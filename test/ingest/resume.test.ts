import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ownTuples } from '../../ingest/relationships.ts';
import { openService } from '../../src/compose.ts';
import { readConfig } from '../../src/config.ts';
import { copyOf, freshFolder, type Running, run, serve, start, storeOf, until } from '../support/cli.ts';
import { type EmbeddingsEndpoint, startEmbeddings } from '../support/embeddings-endpoint.ts';
import { joinStore } from '../support/parts.ts';

const COUNT = 40;
const readersOf = (i: number) => [
  { user: `user:reader-${i % 4}`, relation: 'viewer' },
  { user: `user:owner-${i}`, relation: 'owner' },
];
const documents = Array.from({ length: COUNT }, (_, i) => ({
  id: `doc-${i}`,
  title: `Document ${i}`,
  text: `The text of document ${i}.`,
  relationships: readersOf(i),
}));

let endpoint: EmbeddingsEndpoint;
let template: string;
let file: string;
let dataDir: string;

const env = () => ({ ...endpoint.env, CLEARANCE_DATA_DIR: dataDir });
const ingest = (): Running => start(['ingest', file], env());

/** An ingest whose `count`-th text waits for its embedding, so that it is surely in the middle. */
async function ingestHeldAt(count: number): Promise<Running> {
  const held = endpoint.holdAt(count);
  const running = ingest();
  await Promise.race([held, running.ended.then(({ stderr }) => expect.unreachable(stderr))]);
  return running;
}

beforeAll(async () => {
  endpoint = await startEmbeddings();
  const folder = freshFolder();
  template = join(folder, 'template');
  file = join(folder, 'documents.ndjson');
  writeFileSync(file, documents.map((document) => `${JSON.stringify(document)}\n`).join(''));
  const service = await openService(
    readConfig({ ...endpoint.env, CLEARANCE_DATA_DIR: template }),
    () => undefined,
  );
  await service.close();
});
afterAll(() => endpoint.close());
beforeEach(() => {
  dataDir = copyOf(template);
  endpoint.release();
});

type Row = {
  id: string;
  published: boolean;
  stale: boolean;
  chunks: number;
  relationships: { user: string; relation: string }[];
};

/** What the store holds, seen through a service that has finished what was left to do. */
async function settledState(): Promise<{ rows: Row[]; orphans: number }> {
  const service = await openService(
    readConfig({ ...endpoint.env, CLEARANCE_DATA_DIR: dataDir }),
    () => undefined,
  );
  const database = await joinStore(dataDir);
  try {
    // Whoever was killed holds its step for a minute; here that minute is over.
    await database.query(`UPDATE outbox SET leased_until = now() - interval '1 second'`);
    await until(async () => (await service.ready()).pendingSteps === 0, 'the end of the outbox');
    const { rows } = await database.query<Row>(
      `SELECT d.id, d.published_version IS NOT NULL AS published, d.version <> coalesce(d.published_version, 0) AS stale,
         (SELECT count(*)::int FROM chunks c JOIN chunk_texts t ON t.chunk_id = c.id WHERE c.document_no = d.no) AS chunks,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('user', r."user", 'relation', r.relation)), '[]')
          FROM relationships r WHERE r.object = 'document:' || d.id) AS relationships
       FROM documents d`,
    );
    const { rows: orphans } = await database.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM relationships WHERE object NOT IN (SELECT 'document:' || id FROM documents)`,
    );
    return { rows, orphans: orphans[0]?.n ?? 0 };
  } finally {
    await database.close();
    await service.close();
  }
}

/** Each document is whole and under exactly its relationships, or not there at all. Returns those that are there. */
async function wholeOnes(): Promise<Set<string>> {
  const { rows, orphans } = await settledState();
  expect(orphans).toBe(0);
  for (const { id, published, stale, chunks, relationships } of rows) {
    const wanted = published ? readersOf(Number(id.slice(4))) : [];
    expect({ id, stale, chunks }).toEqual({ id, stale: false, chunks: published ? 1 : 0 });
    expect(ownTuples(id, relationships)).toHaveLength(wanted.length);
    expect(relationships).toEqual(expect.arrayContaining(wanted));
  }
  return new Set(rows.filter(({ published }) => published).map(({ id }) => id));
}

async function goesOn(): Promise<void> {
  const again = await ingest().ended;
  expect(again).toMatchObject({ code: 0, stdout: `Documents: ${COUNT} published, 0 pending, 0 rejected.\n` });
  expect(await wholeOnes()).toEqual(new Set(documents.map(({ id }) => id)));
}

describe('an ingest that ctrl-C ends', () => {
  it('finishes what it is at, says where it stopped, and goes on at the next start', async () => {
    const first = await ingestHeldAt(20);
    first.kill('SIGINT');
    endpoint.release();
    const { code, stdout, stderr } = await first.ended;
    expect(code).toBe(130);
    expect(stderr).toMatch(/run the same command again to go on/);

    const [, published] = /^Documents: (\d+) published, 0 pending, 0 rejected\.$/m.exec(stdout) ?? [];
    const there = await wholeOnes();
    expect(there.size).toBe(Number(published));
    expect(there.size).toBeGreaterThanOrEqual(16);
    expect(there.size).toBeLessThan(COUNT);

    await goesOn();
    // No text twice: what was in was not embedded again.
    expect(endpoint.texts.toSorted()).toEqual(
      documents.map(({ title, text }) => `${title}\n${text}`).toSorted(),
    );
  });

  it('ends at once the second time', async () => {
    const first = await ingestHeldAt(10);
    first.kill('SIGINT');
    // Again and again, for a signal that comes before the first has been handled is one with it.
    await until(() => {
      first.kill('SIGINT');
      return first.hasEnded();
    }, 'the end');
    expect(await first.ended).toMatchObject({ code: null, signal: 'SIGINT' });
    endpoint.release();
    expect((await wholeOnes()).size).toBeLessThan(10);
  });
});

describe('an ingest that is killed', () => {
  it('while it embeds leaves nothing half there', async () => {
    const first = await ingestHeldAt(15);
    first.kill('SIGKILL');
    await first.ended;
    endpoint.release();
    const there = await wholeOnes();
    expect(there.size).toBeGreaterThan(0);
    expect(there.size).toBeLessThan(15);
  });

  it('while it publishes leaves nothing half there, and loses nothing that a reader could see', async () => {
    for (const count of [5, 20]) {
      const running = ingest();
      const seen = await publishedWhile(running, count);
      running.kill('SIGKILL');
      await running.ended;
      const there = await wholeOnes();
      expect(seen.filter((id) => !there.has(id))).toEqual([]);
      expect(there.size).toBeGreaterThanOrEqual(count);
    }
    await goesOn();
  });
});

/** Ids of what is published, once that are at least `count`, while the ingest runs. */
async function publishedWhile(running: Running, count: number): Promise<readonly string[]> {
  await until(
    () => storeOf(dataDir)?.ownerPid === running.pid || running.hasEnded(),
    'the store of the ingest',
  );
  const database = await joinStore(dataDir);
  try {
    let ids: string[] = [];
    await until(async () => {
      const { rows } = await database.query<{ id: string }>(
        'SELECT id FROM documents WHERE published_version IS NOT NULL',
      );
      ids = rows.map(({ id }) => id);
      return ids.length >= count || running.hasEnded();
    }, 'published documents');
    return ids;
  } finally {
    await database.close();
  }
}

describe('a service that is killed in the middle of an import', () => {
  it('has every document whose line it answered, and none half', async () => {
    for (const count of [3, 17]) {
      const service = await serve(dataDir, endpoint.env);
      const token = (
        await run(['token', '--as', 'loader', '--scope', 'ingest', '--source', 'cli'], env())
      ).stdout.trim();
      const response = await fetch(`${service.url}/v1/documents/import`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' },
        body: documents
          .map((document) => `${JSON.stringify({ ...document, text: `${document.text} ${count}` })}\n`)
          .join(''),
      });
      const acknowledged = await acknowledge(response, count, () => service.kill('SIGKILL'));
      await service.ended;
      expect(acknowledged.length).toBeGreaterThanOrEqual(count);
      const there = await wholeOnes();
      expect(acknowledged.filter((id) => !there.has(id))).toEqual([]);
    }
  });
});

/** Ids of the documents that the answer says are published, read to the answer's end, which `kill` brings about. */
async function acknowledge(response: Response, count: number, kill: () => void): Promise<string[]> {
  let text = '';
  const ids = () =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { document_id: string; status: string })
      .filter(({ status }) => status === 'published')
      .map(({ document_id }) => document_id);
  try {
    for await (const block of response.body ?? []) {
      text += Buffer.from(block).toString('utf8');
      if (ids().length >= count) kill();
    }
  } catch {
    // The connection broke, as it should.
  }
  return ids();
}
