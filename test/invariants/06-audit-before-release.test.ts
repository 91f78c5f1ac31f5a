import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deleteDocument } from '../../ingest/ingest.ts';
import { writeRelationships } from '../../ingest/write-relationships.ts';
import type { Writer } from '../../ingest/writer.ts';
import type { Database } from '../../src/adapters/postgres/database.ts';
import type { AuditLog } from '../../src/ports/audit.ts';
import { readDocument } from '../../src/retrieve/read-document.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import { ClearanceError } from '../../src/types/errors.ts';
import { joinStore } from '../support/parts.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let database: Database;
let anne: string;
let as: Writer;
let textsRead: number;
let recordsThen: number[];

const request = { query: 'treaty' };

beforeAll(async () => {
  service = await openTestService();
  database = await joinStore(service.config.dataDir);
  as = await writer(service);
  await put(service.write, as, 'treaty', 'The treaty is signed.', ['user:anne']);
  anne = await service.token('anne');
});
afterAll(async () => {
  await database.close();
  await service.close();
});
beforeEach(() => {
  textsRead = 0;
  recordsThen = [];
});

const broken: AuditLog = {
  append: () => Promise.reject(new ClearanceError('audit_unavailable', 'no audit store')),
};
const swallowing: AuditLog = { append: (record) => broken.append(record).catch(() => {}) };
/** Says "done" at once and writes when the answer is long gone. */
const later: AuditLog = { append: async () => {} };

async function records(event: string): Promise<{ record: Record<string, unknown> }[]> {
  const { rows } = await database.query<{ record: Record<string, unknown> }>(
    `SELECT record FROM audit WHERE record ->> 'event' = $1 ORDER BY segment, position`,
    [event],
  );
  return rows;
}

/** The read path, with how many records of `event` were durable whenever text was read. */
const watched = (audit: AuditLog, event = 'retrieve'): ReadPath => ({
  ...service.read,
  audit,
  passages: {
    async read(tenant, chunks) {
      textsRead += 1;
      recordsThen.push((await records(event)).length);
      return service.read.passages.read(tenant, chunks);
    },
  },
});

describe('audit before release', () => {
  it('releases nothing where the record can not be written', async () => {
    expect((await retrieve(watched(swallowing), anne, request)).results).toHaveLength(1);
    expect(await records('retrieve')).toEqual([]);

    textsRead = 0;
    await expect(retrieve(watched(broken), anne, request)).rejects.toMatchObject({
      code: 'audit_unavailable',
      status: 503,
    });
    await expect(readDocument(watched(broken), anne, 'treaty')).rejects.toMatchObject({
      code: 'audit_unavailable',
    });
    expect(textsRead).toBe(0);
  });

  it('has a durable record, as another connection sees it, before text is read', async () => {
    const before = (await records('retrieve')).length;
    await retrieve(watched(later), anne, request);
    expect(recordsThen).toEqual([before]);

    recordsThen = [];
    const { decision_id, results } = await retrieve(watched(service.read.audit), anne, request);
    expect(recordsThen).toEqual([before + 1]);
    const { rows } = await database.query<{ record: unknown }>(
      `SELECT record FROM audit WHERE decision_id = $1`,
      [decision_id],
    );
    expect(rows[0]?.record).toMatchObject({
      subject: expect.stringMatching(/^person:/),
      agent: false,
      chain: [],
      details: {
        released: [{ documentId: 'treaty', chunkId: results[0]?.chunk_id, version: 1 }],
        candidates: { checked: 1, listed: [{ documentId: 'treaty', version: 1, verdict: 'allowed' }] },
        model: expect.stringMatching(/^sha256:/),
        route: expect.any(String),
        milliseconds: { authenticate: expect.any(Number), enforce: expect.any(Number) },
      },
    });
    expect(await service.read.decisions.find('default', decision_id)).toMatchObject({ subject: 'user:anne' });
  });

  it('holds for a whole document, and for an answer of nothing', async () => {
    await readDocument(watched(service.read.audit, 'read_document'), anne, 'treaty');
    expect(recordsThen).toEqual([1]);
    const { decision_id } = await retrieve(service.read, await service.token('bob'), request);
    const { rows } = await database.query(`SELECT FROM audit WHERE decision_id = $1`, [decision_id]);
    expect(rows).toHaveLength(1);
  });

  it('keeps neither the query nor the text, nor anything that tells whether a guess of the query is right', async () => {
    const query = 'treaty of a very secret name';
    await retrieve(service.read, anne, { query });
    const { rows } = await database.query<{ record: unknown }>(`SELECT record FROM audit`);
    const kept = JSON.stringify(rows);
    expect(kept).not.toMatch(/very secret name|is signed/);
    expect(kept).not.toContain(createHash('sha256').update(query).digest('hex'));
    expect(kept).toContain(service.read.evidence.queryHash('default', query));
    expect(kept).not.toContain(service.read.evidence.queryHash('other', query));
  });
});

describe('writes', () => {
  it('change nothing where the record can not be written', async () => {
    const write = { ...service.write, audit: broken };
    const unavailable = { code: 'audit_unavailable' };
    await expect(put(write, as, 'treaty', 'Rewritten.', ['user:eve'])).rejects.toMatchObject(unavailable);
    await expect(put(write, as, 'new', 'Never told of.', ['user:anne'])).rejects.toMatchObject(unavailable);
    await expect(deleteDocument(write, as, 'treaty')).rejects.toMatchObject(unavailable);
    const admin = await writer(service, { scopes: ['admin'] });
    const tuple = { user: 'user:eve', relation: 'viewer', object: 'document:treaty' };
    await expect(writeRelationships(write, admin, { writes: [tuple] })).rejects.toMatchObject(unavailable);

    expect((await readDocument(service.read, anne, 'treaty')).passages[0]?.text).toBe(
      'The treaty is signed.',
    );
    await expect(readDocument(service.read, anne, 'new')).rejects.toMatchObject({ code: 'not_found' });
    await expect(readDocument(service.read, await service.token('eve'), 'treaty')).rejects.toMatchObject({
      code: 'not_found',
    });

    await put({ ...service.write, audit: swallowing }, as, 'new', 'Never told of.', ['user:anne']);
    expect((await records('write_document')).map(({ record }) => record.details)).not.toContainEqual(
      expect.objectContaining({ documentId: 'new' }),
    );
  });

  it('are recorded with who did what', async () => {
    await put(service.write, as, 'memo', 'A memo.', ['user:anne']);
    await deleteDocument(service.write, as, 'memo');
    const details = { documentId: 'memo', source: 'wiki' };
    expect((await records('write_document')).at(-1)?.record).toMatchObject({
      subject: expect.stringMatching(/^person:/),
      details,
    });
    expect((await records('delete_document')).at(-1)?.record).toMatchObject({
      subject: expect.stringMatching(/^person:/),
      details,
    });
  });
});
