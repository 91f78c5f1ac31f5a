// A copy of the service that does nothing but carry out steps: `node outbox-worker.ts URL guarded|unguarded`. It puts
// down when it is at which step, in a table of the test's.

import { setTimeout as sleep } from 'node:timers/promises';
import { settle } from '../../ingest/publish.ts';
import { postgresDocuments } from '../../src/adapters/postgres/documents.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { openServer } from '../../src/adapters/postgres/server.ts';
import type { Documents, OutboxStep } from '../../src/ports/documents.ts';

const [url = '', guard = 'guarded'] = process.argv.slice(2);
const database = openServer(url);
const documents = postgresDocuments(database);
const relationships = postgresRelationships(database);

const note = (step: OutboxStep, event: 'begins' | 'ends') =>
  database.query(`INSERT INTO noted (document_no, step, pid, event) VALUES ($1, $2, $3, $4)`, [
    step.documentNo,
    step.id,
    process.pid,
    event,
  ]);

/** As the lease, without its lock and its time. */
async function takenUnguarded(no: number): Promise<OutboxStep | undefined> {
  const { rows } = await database.query<{ id: number; attempts: number; relationships: [] }>(
    `UPDATE outbox SET attempts = attempts WHERE id = (SELECT min(id) FROM outbox WHERE document_no = $1)
     RETURNING id, attempts, relationships`,
    [no],
  );
  const found = await database.query<{ tenant: string; id: string; version: number }>(
    `SELECT tenant, id, version FROM documents WHERE no = $1`,
    [no],
  );
  const [row, document] = [rows[0], found.rows[0]];
  if (row === undefined || document === undefined) return undefined;
  const { tenant, id: documentId, version } = document;
  return { ...row, attempt: row.attempts, tenant, documentId, documentNo: no, step: 'publish', version };
}

const observed: Documents = {
  ...documents,
  async lease(no) {
    const step = guard === 'guarded' ? await documents.lease(no) : await takenUnguarded(no);
    if (step !== undefined && step !== 'busy') await note(step, 'begins');
    return step;
  },
  // Without a pause, so that a test is quick.
  postpone: (step) => documents.postpone(step, 0),
  async done(step) {
    await note(step, 'ends');
    await documents.done(step);
  },
};

const parts = {
  documents: observed,
  relationships: {
    ...relationships,
    async write(tenant: string, changes: Parameters<typeof relationships.write>[1]) {
      // An engine of its own is not as near as this one.
      await sleep(Math.random() * 4);
      return relationships.write(tenant, changes);
    },
  },
  guarded: { type: 'document' },
  removalMayWiden: false,
  onError: (error: unknown) => {
    if (guard === 'guarded') console.error(error);
  },
};

// Both copies start at the same document, so they meet wherever they can.
for (;;) {
  const nos = await documents.due(20);
  const { steps } = await documents.pending();
  if (steps === 0) break;
  await Promise.all(nos.map((no) => settle(parts, no, 0)));
  await sleep(5);
}
await database.close();
