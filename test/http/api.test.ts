import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClearanceError, errorStatus } from '../../src/types/errors.ts';
import { retrieveResponse } from '../../src/types/retrieval.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let anne: string;
let ingest: string;
let admin: string;

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  anne = await service.token('anne');
  ingest = await service.token('loader', { scopes: ['ingest'], source: 'wiki' });
  admin = await service.token('root', { scopes: ['admin'] });
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const some = expect.any(String) as string;
const leave = {
  title: 'Leave',
  text: 'How many days of leave there are.',
  metadata: { team: 'hr', year: 2024, tags: ['a', 'b'] },
  source_url: 'https://wiki.example.com/leave',
  relationships: [{ user: 'user:anne', relation: 'viewer' }],
};
const putLeave = (change: Partial<Record<keyof typeof leave, unknown>> = {}) =>
  http.send('PUT', '/v1/documents/leave', { token: ingest, json: { ...leave, ...change } });

describe('sessions', () => {
  it('are made, used by their principal, and ended', async () => {
    const byBot = await service.token('anne', { actor: 'support-bot' });
    const made = await http.send('POST', '/v1/sessions', { token: byBot });
    expect(made.status).toBe(201);
    expect(made.body).toEqual({
      session_id: some,
      subject: 'user:anne',
      actor: 'agent:support-bot',
      chain: ['agent:support-bot'],
      expires_at: some,
    });
    expect(Date.parse(String(made.body.expires_at))).toBeGreaterThan(Date.now());
    expect((await http.send('POST', '/v1/sessions', { token: anne, json: {} })).body).not.toHaveProperty(
      'actor',
    );

    const { session_id } = made.body;
    const json = { query: 'leave', session_id };
    expect(await http.send('POST', '/v1/retrieve', { token: byBot, json })).toMatchObject({
      status: 200,
      body: { session_id },
    });
    const path = `/v1/sessions/${String(session_id)}`;
    expect(await http.send('DELETE', path, { token: byBot })).toMatchObject({ status: 204, text: '' });
    expect(await http.send('DELETE', path, { token: byBot })).toMatchObject({ status: 404 });
    expect(await http.send('POST', '/v1/retrieve', { token: byBot, json })).toMatchObject({ status: 404 });
  });

  it('are made where a request names none', async () => {
    const { body } = await http.send('POST', '/v1/retrieve', { token: anne, json: { query: 'leave' } });
    const again = { query: 'leave', session_id: body.session_id };
    expect(await http.send('POST', '/v1/retrieve', { token: anne, json: again })).toMatchObject({
      status: 200,
    });
  });
});

describe('documents', () => {
  it('are put, found, read, replaced and deleted', async () => {
    const created = await putLeave();
    expect(created.status).toBe(201);
    expect(created.body).toEqual({ document_id: 'leave', version: 1, chunks: 1, status: 'published' });
    expect(await putLeave()).toMatchObject({ status: 200, body: { version: 1 } });

    const found = await http.send('POST', '/v1/retrieve', { token: anne, json: { query: 'days of leave' } });
    expect(retrieveResponse.strict().safeParse(found.body).error).toBeUndefined();
    expect(found.body).toMatchObject({ complete: true, certified: true });
    const { title, text, metadata, source_url } = leave;
    expect(found.body.results).toEqual([
      {
        document_id: 'leave',
        chunk_id: some,
        title,
        text,
        metadata,
        source_url,
        score: expect.any(Number) as number,
        version: 1,
      },
    ]);

    const read = await http.send('GET', '/v1/documents/leave', { token: anne });
    expect(read.status).toBe(200);
    const passages = [{ chunk_id: some, text }];
    expect(read.body).toEqual({
      document_id: 'leave',
      title,
      version: 1,
      metadata,
      source_url,
      passages,
      decision_id: some,
    });

    expect(await putLeave({ text: 'There are thirty days.' })).toMatchObject({
      status: 200,
      body: { version: 2, status: 'published' },
    });
    expect((await http.send('GET', '/v1/documents/leave', { token: anne })).text).toContain('thirty');

    expect(await http.send('DELETE', '/v1/documents/leave', { token: ingest })).toMatchObject({
      status: 204,
      text: '',
    });
    expect(await http.send('GET', '/v1/documents/leave', { token: anne })).toMatchObject({ status: 404 });
    expect(await http.send('DELETE', '/v1/documents/leave', { token: ingest })).toMatchObject({
      status: 404,
    });
    expect(
      (await http.send('POST', '/v1/retrieve', { token: anne, json: { query: 'leave' } })).body.results,
    ).toEqual([]);
    expect(await putLeave()).toMatchObject({ status: 201, body: { version: 3 } });
  });

  it('of many passages are read whole and in order', async () => {
    const paragraphs = Array.from({ length: 40 }, (_, i) =>
      `Paragraph ${i}. ${'Rules and more rules. '.repeat(10)}`.trim(),
    );
    const json = { ...leave, text: paragraphs.join('\n\n') };
    const { body } = await http.send('PUT', '/v1/documents/rules', { token: ingest, json });
    expect(body.chunks).toBeGreaterThan(2);
    const read = await http.send('GET', '/v1/documents/rules', { token: anne });
    const passages = read.body.passages as { text: string }[];
    expect(passages.map((passage) => passage.text).join('\n\n')).toBe(json.text);
  });

  it('are filtered by their metadata', async () => {
    await putLeave();
    const ids = async (filter: unknown) => {
      const { body } = await http.send('POST', '/v1/retrieve', {
        token: anne,
        json: { query: 'leave', k: 50, filter },
      });
      return (body.results as { document_id: string }[]).map((result) => result.document_id);
    };
    expect(await ids({ team: { eq: 'hr' }, year: { gte: 2024, lte: 2024 } })).toContain('leave');
    expect(await ids({ tags: { in: ['b', 'c'] } })).toContain('leave');
    expect(await ids({ not: { team: { eq: 'hr' } } })).toEqual([]);
    expect(await ids({ or: [{ year: { lte: 2000 } }, { tags: { eq: 'z' } }] })).toEqual([]);
  });

  it('are imported line by line, each with its outcome', async () => {
    const lines = [
      { id: 'import-1', title: 'One', text: 'One.', team: 'hr', relationships: leave.relationships },
      { id: 'import-2', title: 'Two' },
      { id: 'import-3', title: 'Three', text: 'Three.' },
    ];
    const answer = await http.send('POST', '/v1/documents/import', {
      token: ingest,
      raw: lines.map((line) => JSON.stringify(line)).join('\n'),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^application\/x-ndjson/);
    expect(
      answer.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual([
      { line: 1, document_id: 'import-1', version: 1, chunks: 1, status: 'published' },
      {
        line: 2,
        document_id: 'import-2',
        status: 'rejected',
        error: { code: 'invalid_document', detail: some },
      },
      { line: 3, document_id: 'import-3', version: 1, chunks: 1, status: 'published' },
    ]);
    // What the contract does not know is kept as metadata.
    const read = await http.send('GET', '/v1/documents/import-1', { token: anne });
    expect(read.body).toMatchObject({ metadata: { team: 'hr' } });
  });
});

describe('relationships', () => {
  it('are written and deleted, may be of documents to come, and repeat without harm', async () => {
    const change = (json: unknown) => http.send('POST', '/v1/relationships', { token: admin, json });
    const writes = [
      { user: 'group:eng#member', relation: 'viewer', object: 'folder:plans' },
      { user: 'folder:plans', relation: 'parent', object: 'document:roadmap' },
      { user: 'user:anne', relation: 'member', object: 'group:eng' },
    ];
    expect(await change({ writes })).toMatchObject({ status: 200, body: { written: 3, deleted: 0 } });
    expect(await change({ writes })).toMatchObject({ status: 200, body: { written: 0, deleted: 0 } });

    const { relationships: _, ...roadmap } = leave;
    await http.send('PUT', '/v1/documents/roadmap', { token: ingest, json: roadmap });
    const read = () => http.send('GET', '/v1/documents/roadmap', { token: anne });
    expect(await read()).toMatchObject({ status: 200 });

    const left = { deletes: [writes[2]] };
    expect(await change(left)).toMatchObject({ status: 200, body: { written: 0, deleted: 1 } });
    expect(await read()).toMatchObject({ status: 404 });
    expect(await change(left)).toMatchObject({ status: 200, body: { written: 0, deleted: 0 } });
    const ofAnotherModel = { user: 'robot:r2', relation: 'pilot', object: 'plane:x' };
    expect(await change({ deletes: [ofAnotherModel] })).toMatchObject({ status: 200, body: { deleted: 0 } });
  });
});

describe('health', () => {
  it('needs no token', async () => {
    expect(await http.send('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
    const ready = await http.send('GET', '/readyz');
    expect(ready.body).toEqual({ status: 'ready', pending_steps: 0, oldest_seconds: 0 });
  });

  it('says so where the store does not answer', async () => {
    const cause = new Error('no socket at /secret/path');
    const unavailable = new ClearanceError('store_unavailable', 'The store does not answer.', { cause });
    const broken = await serveHttp({
      ...service,
      ready: () => Promise.reject(unavailable),
    });
    const answer = await broken.send('GET', '/readyz');
    expect(await broken.send('GET', '/healthz')).toMatchObject({ status: 200 });
    await broken.close();
    expect(answer).toMatchObject({ status: 503, body: { code: 'store_unavailable' } });
    expect(answer.text).not.toContain('/secret/path');
  });
});

describe('/openapi.json', () => {
  type Operation = { summary?: string; responses: Record<string, unknown>; security?: unknown };
  type OpenApi = { openapi: string; paths: Record<string, Record<string, Operation>>; security: unknown };

  it('describes every route, with its answers and errors', async () => {
    const { status, body } = await http.send('GET', '/openapi.json');
    const { openapi, paths, security } = body as OpenApi;
    expect(status).toBe(200);
    expect(openapi).toMatch(/^3\./);
    expect(security).toEqual([{ bearer: [] }]);
    const routes = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes.toSorted()).toEqual([
      'DELETE /v1/agents/{id}',
      'DELETE /v1/documents/{id}',
      'DELETE /v1/sessions/{id}',
      'DELETE /v1/sources/{id}',
      'GET /.well-known/jwks.json',
      'GET /healthz',
      'GET /readyz',
      'GET /v1/agents',
      'GET /v1/agents/{id}',
      'GET /v1/decisions/{id}',
      'GET /v1/documents/{id}',
      'GET /v1/sessions/{id}/events',
      'GET /v1/sources',
      'GET /v1/sources/{id}',
      'PATCH /v1/agents/{id}',
      'PATCH /v1/sources/{id}',
      'POST /oauth/token',
      'POST /oidc/backchannel-logout',
      'POST /ssf/events',
      'POST /v1/documents/import',
      'POST /v1/relationships',
      'POST /v1/retrieve',
      'POST /v1/revocations',
      'POST /v1/sessions',
      'POST /v1/sessions/{id}/revalidate',
      'PUT /v1/agents/{id}',
      'PUT /v1/documents/{id}',
      'PUT /v1/sources/{id}',
    ]);
    for (const [path, operations] of Object.entries(paths)) {
      for (const { summary, responses, security: own } of Object.values(operations)) {
        expect(summary).toMatch(/\w/);
        if (path.startsWith('/v1/')) expect(Object.keys(responses)).toEqual(expect.arrayContaining(['4XX']));
        else expect(own).toEqual([]);
      }
    }
  });

  it('names every error code, and the fields of requests', async () => {
    const { text } = await http.send('GET', '/openapi.json');
    for (const code of Object.keys(errorStatus)) expect(text).toContain(`"${code}"`);
    for (const field of [
      'query',
      'session_id',
      'filter',
      'title',
      'source_url',
      'relationships',
      'writes',
      'deletes',
    ]) {
      expect(text).toContain(`"${field}"`);
    }
  });
});
