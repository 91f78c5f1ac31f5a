import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let decision: string;

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  await put(service.write, await writer(service), 'plan', 'The plan.', ['user:anne']);
  const token = await service.token('anne');
  const { text } = await http.send('POST', '/v1/retrieve', { token, json: { query: 'plan' } });
  decision = (JSON.parse(text) as { decision_id: string }).decision_id;
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const read = async (id: string, more: Parameters<TestService['token']>[1] = { scopes: ['admin'] }) => {
  const token = await service.token('auditor', more);
  const { status, text } = await http.send('GET', `/v1/decisions/${encodeURIComponent(id)}`, { token });
  return { status, body: JSON.parse(text) as Record<string, unknown> };
};

describe('GET /v1/decisions/{id}', () => {
  it('says to whom what was released and why, and not what was asked', async () => {
    const { status, body } = await read(decision);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      decision_id: decision,
      event: 'retrieve',
      subject: 'user:anne',
      withheld: false,
      details: {
        released: [{ documentId: 'plan', version: 1 }],
        reasons: { plan: [{ user: 'user:anne', by: 'check' }] },
      },
    });
    expect(Date.parse(String(body.at))).toBeGreaterThan(Date.now() - 60_000);
    expect(JSON.stringify(body)).not.toContain('The plan.');
  });

  it.each([
    ['another scope', { scopes: ['retrieve'] }, 403],
    ['another tenant', { scopes: ['admin'], tenant: 'other' }, 404],
  ] as const)('is nothing for %s', async (_, more, status) => {
    expect((await read(decision, { ...more, scopes: [...more.scopes] })).status).toBe(status);
  });

  it.each(['unknown', 'a\0b', "' OR true --"])('is nothing for the id %j', async (id) => {
    expect((await read(id)).status).toBe(404);
  });
});
