import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
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

/** The last record that says what was released, and the last that takes one back, are of the same decision. */
async function withheldLast(): Promise<string> {
  const [last] = (await records('retrieve')).slice(-1);
  const [withheld] = (await records('withhold')).slice(-1);
  expect(withheld?.record.decision).toBe(last?.record.decision);
  return String(last?.record.decision);
}

const auditedBy = (audit: AuditLog): ReadPath => ({ ...service.read, audit });

describe('audit before release', () => {
  it('releases nothing where the record can not be written', async () => {
    expect((await retrieve(auditedBy(swallowing), anne, request)).results).toHaveLength(1);
    expect(await records('retrieve')).toEqual([]);

    await expect(retrieve(auditedBy(broken), anne, request)).rejects.toMatchObject({
      code: 'audit_unavailable',
      status: 503,
    });
    await expect(readDocument(auditedBy(broken), anne, 'treaty')).rejects.toMatchObject({
      code: 'audit_unavailable',
    });
  });

  it('gives an answer only once its record is durable, as another connection sees it', async () => {
    const before = (await records('retrieve')).length;
    await retrieve(auditedBy(later), anne, request);
    expect(await records('retrieve')).toHaveLength(before);

    /** Takes far longer than all else that an answer needs. */
    const slow: AuditLog = {
      async append(record) {
        await sleep(300);
        await service.read.audit.append(record);
      },
    };
    const { decision_id, results } = await retrieve(auditedBy(slow), anne, request);
    expect(await records('retrieve')).toHaveLength(before + 1);
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

    await readDocument(auditedBy(slow), anne, 'treaty');
    expect(await records('read_document')).toHaveLength(1);
  });

  it('says so where what was put down as released is not, for its text can not be read', async () => {
    const passages = { read: () => Promise.reject(new Error('no texts')) };
    await expect(retrieve({ ...service.read, passages }, anne, request)).rejects.toThrow('no texts');
    const decision = await withheldLast();
    expect(await service.read.decisions.find('default', decision)).toMatchObject({
      event: 'retrieve',
      withheld: true,
    });
  });

  it('says so where all of it was replaced before it was read', async () => {
    const passages = { read: async () => [] };
    const { results, shortfall } = await retrieve({ ...service.read, passages }, anne, request);
    expect([results, shortfall]).toEqual([[], 'document_changed']);
    await withheldLast();
  });

  it('says so where the answer came too late', async () => {
    const whole = new AbortController();
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((ms) => (ms === 22_000 ? whole.signal : timeout(ms)));
    const slow: AuditLog = {
      async append(record) {
        await service.read.audit.append(record);
        whole.abort();
      },
    };
    await expect(retrieve(auditedBy(slow), anne, request)).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    await vi.waitFor(() => withheldLast(), { timeout: 5_000 });
    vi.restoreAllMocks();
  });

  it('holds for an answer of nothing', async () => {
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
    // Not even its id is taken.
    expect(await service.write.documents.find('default', 'new')).toBeUndefined();
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
