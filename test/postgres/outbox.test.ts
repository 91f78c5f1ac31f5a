import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Publishing, settle } from '../../ingest/publish.ts';
import type { Database } from '../../src/adapters/postgres/database.ts';
import { postgresDocuments } from '../../src/adapters/postgres/documents.ts';
import { postgresRelationships } from '../../src/adapters/postgres/relationships.ts';
import { openServer } from '../../src/adapters/postgres/server.ts';
import { setUpServer } from '../../src/adapters/postgres/set-up.ts';
import { staticEmbeddings } from '../../src/adapters/static-embeddings/static-embeddings.ts';
import type { OwnedDocument } from '../../src/ports/documents.ts';
import { type FreshDatabase, freshDatabase, realParts } from '../support/real-parts.ts';

const tenant = 'default';
const SOURCE = 'wiki';
const DOCUMENTS = 16;
const STEPS = 4;

const viewers = (...users: string[]) => users.map((user) => ({ user, relation: 'viewer' }));

describe.skipIf(realParts() === undefined)('the outbox of several copies of the service', () => {
  let fresh: FreshDatabase;
  let database: Database;
  let parts: Publishing;
  beforeAll(async () => {
    fresh = await freshDatabase();
    await setUpServer(fresh.ownerUrl, await staticEmbeddings());
    const owner = openServer(fresh.ownerUrl, { poolSize: 1 });
    await owner.query(
      `CREATE TABLE noted (at bigint GENERATED ALWAYS AS IDENTITY, document_no bigint, step bigint, pid int, event text)`,
    );
    await owner.query(`GRANT ALL ON noted TO clearance_service`);
    await owner.close();
    database = openServer(fresh.serviceUrl);
    parts = {
      documents: postgresDocuments(database),
      relationships: postgresRelationships(database),
      guarded: { type: 'document' },
      removalMayWiden: false,
      onError: () => {},
    };
  });
  afterAll(async () => {
    await database?.close();
    await fresh?.close();
  });

  async function published(id: string): Promise<OwnedDocument> {
    const { no } = await parts.documents.claim(tenant, id, SOURCE);
    const document = { title: id, metadata: {}, hash: Buffer.from(id), chunks: [] };
    await parts.documents.stage(tenant, { no, source: SOURCE }, document, viewers('user:anne'));
    await settle(parts, no);
    return { no, source: SOURCE };
  }
  const readersOf = async (id: string) =>
    (await parts.relationships.ofObject(tenant, `document:${id}`)).map(({ user }) => user).toSorted();

  describe('which two processes carry out', () => {
    let ids: string[];
    let made = 0;
    beforeEach(async () => {
      made += 1;
      await database.query(`DELETE FROM noted`);
      ids = Array.from({ length: DOCUMENTS }, (_, i) => `run-${made}-${i}`);
      await Promise.all(
        ids.map(async (id) => {
          const owned = await published(id);
          for (let step = 1; step <= STEPS; step += 1) {
            await parts.documents.enqueuePublish(owned, 1, viewers(`user:u${step}`, 'user:anne'));
          }
        }),
      );
    });

    async function carriedOut(guard: 'guarded' | 'unguarded'): Promise<{ begun: number; wrong: number }> {
      const program = join(import.meta.dirname, 'outbox-worker.ts');
      const copies = [1, 2].map(() =>
        once(fork(program, [fresh.serviceUrl, guard], { execArgv: [] }), 'exit'),
      );
      for (const exit of await Promise.all(copies)) expect(exit).toEqual([0, null]);
      const { rows } = await database.query<{
        document_no: number;
        step: number;
        pid: number;
        event: string;
      }>(`SELECT document_no, step, pid, event FROM noted ORDER BY at`);
      expect(new Set(rows.map(({ pid }) => pid)).size).toBe(2);
      // For each document: begins, ends, begins, ends …, of one process each, with growing numbers.
      const last = new Map<number, { step: number; pid: number; event: string }>();
      let wrong = 0;
      for (const { document_no, ...row } of rows) {
        const before = last.get(document_no) ?? { step: 0, pid: 0, event: 'ends' };
        const fits =
          row.event === 'begins'
            ? before.event === 'ends' && row.step > before.step
            : before.event === 'begins' && row.step === before.step && row.pid === before.pid;
        if (!fits) wrong += 1;
        last.set(document_no, row);
      }
      return { begun: rows.filter(({ event }) => event === 'begins').length, wrong };
    }

    it('has each step carried out once, in order, and never two of a document at a time', async () => {
      expect(await carriedOut('guarded')).toEqual({ begun: DOCUMENTS * STEPS, wrong: 0 });
      for (const id of ids) expect(await readersOf(id)).toEqual(['user:anne', `user:u${STEPS}`]);
    });

    it('and the test sees it where nobody takes a lease', async () => {
      expect((await carriedOut('unguarded')).wrong).toBeGreaterThan(0);
    });
  });

  describe('whose holder stalls in the middle of a step, past its lease', () => {
    /** Anne's document is to be Bob's; while the holder stalls, that is done by another, and then it is to be Carol's. */
    async function readersAfterStall(id: string, renew: Publishing['documents']['renew']): Promise<string[]> {
      const owned = await published(id);
      await parts.documents.enqueuePublish(owned, 1, viewers('user:bob'));
      const stalled: Publishing = {
        ...parts,
        documents: { ...parts.documents, renew },
        relationships: {
          ...parts.relationships,
          async ofObject(...of) {
            const seen = await parts.relationships.ofObject(...of);
            await database.query(`UPDATE outbox SET leased_until = now() WHERE document_no = $1`, [owned.no]);
            await settle(parts, owned.no);
            await parts.documents.enqueuePublish(owned, 1, viewers('user:carol'));
            await settle(parts, owned.no);
            return seen;
          },
        },
      };
      expect(await settle(stalled, owned.no)).toBe(false);
      return readersOf(id);
    }

    it('writes nothing that the next one has overtaken', async () => {
      expect(await readersAfterStall('renewed', (step) => parts.documents.renew(step))).toEqual([
        'user:carol',
      ]);
    });

    it('and the test sees it where the lease is not made sure of', async () => {
      expect(await readersAfterStall('assumed', async () => {})).toEqual(['user:bob', 'user:carol']);
    });
  });
});
