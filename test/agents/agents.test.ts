import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { developmentToken } from '../../src/operator.ts';
import type { AuditRecord } from '../../src/ports/audit.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import type { AgentChange } from '../../src/types/agent.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let admin: string;
let byBot: string;

const inAYear = new Date(Date.now() + 365 * 86_400_000).toISOString();
const bot = { owner: 'user:carl', purpose: 'Answers questions.', risk_class: 'low', expires_at: inAYear };

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  admin = await service.token('root', { scopes: ['admin'] });
  // Not by the helper, which registers what it makes a token for.
  byBot = await developmentToken(service.config, {
    subject: 'anne',
    actor: 'bot',
    scopes: ['retrieve'],
    lifetime: 3_600,
  });
  await put(service.write, await writer(service), 'plan', 'The harbour plan.', ['user:anne', 'agent:bot']);
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const agents = (method: string, id = 'bot', json?: unknown, token = admin) =>
  http.send(method, `/v1/agents/${id}`, { token, ...(json === undefined ? {} : { json }) });
const ask = (token = byBot) => http.send('POST', '/v1/retrieve', { token, json: { query: 'harbour' } });
const given = { status: 200, body: { results: [{ document_id: 'plan' }] } };
const refused = (because: RegExp) => ({
  status: 403,
  body: { code: 'agent_not_allowed', detail: expect.stringMatching(because) },
});

describe('an agent', () => {
  it('that is not registered gets nothing, whoever it asks for, through any route', async () => {
    expect(await ask()).toMatchObject(refused(/agent bot is not registered/));
    expect(await http.send('POST', '/v1/sessions', { token: byBot })).toMatchObject(refused(/registered/));
    expect(await http.send('GET', '/v1/documents/plan', { token: byBot })).toMatchObject(
      refused(/registered/),
    );
    await expect(retrieve(service.read, byBot, { query: 'harbour' })).rejects.toMatchObject({
      code: 'agent_not_allowed',
    });
  });

  it('would get it, did nobody look at the registry', async () => {
    const before = await agents('PUT', 'bot', bot);
    expect(before.status).toBe(201);
    const seen = await ask();
    await agents('DELETE');
    expect(seen).toMatchObject(given);
    expect(await ask()).toMatchObject(refused(/not registered/));
  });

  it('that is registered gets what it and the person may read', async () => {
    expect(await agents('PUT', 'bot', bot)).toMatchObject({
      status: 201,
      body: { id: 'bot', standing: 'active', owner: 'user:carl', created_by: 'user:root', reviewed_at: null },
    });
    expect(await ask()).toMatchObject(given);
    const byStranger = await service.token('dan', { actor: 'bot' });
    expect(await ask(byStranger)).toMatchObject({ status: 200, body: { results: [] } });
  });

  it.each<[string, AgentChange, AgentChange, RegExp]>([
    ['suspended', { state: 'suspended' }, { state: 'active' }, /is suspended/],
    ['without an owner', { owner: null }, { owner: 'user:carl' }, /has no owner/],
  ])('that is %s gets nothing, until it is put right', async (_, change, back, because) => {
    expect(await agents('PATCH', 'bot', change)).toMatchObject({ status: 200 });
    expect(await ask()).toMatchObject(refused(because));
    expect(await agents('PATCH', 'bot', back)).toMatchObject({ status: 200, body: { standing: 'active' } });
    expect(await ask()).toMatchObject(given);
  });

  it('that has expired gets nothing', async () => {
    const soon = new Date(Date.now() + 400).toISOString();
    expect(await agents('PATCH', 'bot', { expires_at: soon })).toMatchObject({ status: 200 });
    await expect.poll(async () => (await ask()).status).toBe(403);
    expect(await ask()).toMatchObject(refused(/has expired/));
    expect(await agents('GET')).toMatchObject({ body: { standing: 'expired', state: 'active' } });
    expect(await agents('PATCH', 'bot', { expires_at: inAYear })).toMatchObject({ status: 200 });
  });

  it('of another tenant is another agent', async () => {
    const tenant = 'elsewhere';
    const token = await developmentToken(service.config, {
      subject: 'anne',
      actor: 'bot',
      tenant,
      scopes: ['retrieve'],
      lifetime: 600,
    });
    expect(await ask(token)).toMatchObject(refused(/not registered/));
  });

  it('shares its name with a person, who needs no registration', async () => {
    expect(await agents('PATCH', 'bot', { state: 'suspended' })).toMatchObject({ status: 200 });
    expect(await ask(await service.token('bot'))).toMatchObject({ status: 200, body: { results: [] } });
    expect(await agents('PATCH', 'bot', { state: 'active' })).toMatchObject({ status: 200 });
  });
});

describe('the registry', () => {
  it('is for administrators', async () => {
    const token = await service.token('anne', { scopes: ['retrieve', 'ingest'], source: 'wiki' });
    for (const [method, id, json] of [
      ['PUT', 'mine', bot],
      ['PATCH', 'bot', { state: 'active' }],
      ['DELETE', 'bot', undefined],
      ['GET', 'bot', undefined],
    ] as const) {
      expect(await agents(method, id, json, token)).toMatchObject({
        status: 403,
        body: { code: 'forbidden' },
      });
    }
    expect(await http.send('GET', '/v1/agents', { token })).toMatchObject({ status: 403 });
    expect(await http.send('GET', '/v1/agents')).toMatchObject({ status: 401 });
  });

  it('keeps who made an agent known, and who looked at it last', async () => {
    const other = await service.token('eve', { scopes: ['admin'] });
    const replaced = await agents('PUT', 'bot', { ...bot, purpose: 'Does more.', risk_class: 'high' }, other);
    expect(replaced).toMatchObject({
      status: 200,
      body: { purpose: 'Does more.', risk_class: 'high', created_by: 'user:root', reviewed_by: null },
    });
    expect(await agents('PATCH', 'bot', { reviewed: true }, other)).toMatchObject({
      body: { reviewed_by: 'user:eve', reviewed_at: expect.stringMatching(/^20/) },
    });
    const { body } = await http.send('GET', '/v1/agents', { token: admin });
    expect(body).toMatchObject({ agents: [{ id: 'bot' }], next: null });
  });

  it.each<[string, unknown]>([
    ['no owner', { ...bot, owner: undefined }],
    ['an agent as owner', { ...bot, owner: 'agent:other' }],
    ['a group as owner', { ...bot, owner: 'group:eng#member' }],
    ['everyone as owner', { ...bot, owner: 'user:*' }],
    ['no purpose', { ...bot, purpose: ' ' }],
    ['an unknown risk', { ...bot, risk_class: 'none' }],
    ['no end', { ...bot, expires_at: undefined }],
    ['an end that is over', { ...bot, expires_at: '2020-01-01T00:00:00Z' }],
    ['an unknown field', { ...bot, admin: true }],
    ['nothing', undefined],
  ])('refuses %s', async (_, json) => {
    expect(await agents('PUT', 'new', json ?? {})).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
    expect(await agents('GET', 'new')).toMatchObject({ status: 404 });
  });

  it('refuses names that no token could have, changes of nothing, and what is not there', async () => {
    for (const id of ['a b', 'a:b', 'a#b', '*', 'é', 'x'.repeat(241)]) {
      expect((await agents('PUT', encodeURIComponent(id), bot)).status).toBe(400);
    }
    expect(await agents('PATCH', 'bot', {})).toMatchObject({ status: 400 });
    expect(await agents('PATCH', 'nobody', { state: 'active' })).toMatchObject({ status: 404 });
    expect(await agents('DELETE', 'nobody')).toMatchObject({ status: 404 });
    expect(await http.send('GET', '/v1/agents?after=a%20b', { token: admin })).toMatchObject({ status: 400 });
  });

  it('takes one of two changes at the same time, and tells the other', async () => {
    const { audit } = service.registry;
    const records: AuditRecord[] = [];
    const slow = await serveHttp({
      ...service,
      registry: {
        ...service.registry,
        audit: {
          async append(record) {
            records.push(record);
            await audit.append(record);
            // Somebody else is quicker.
            await agents('PATCH', 'bot', { reviewed: true });
          },
        },
      },
    });
    const late = await slow.send('PATCH', '/v1/agents/bot', { token: admin, json: { purpose: 'late' } });
    const kept = await slow.send('DELETE', '/v1/agents/bot', { token: admin });
    await slow.close();
    const conflict = { status: 409, body: { code: 'conflict' } };
    expect([late, kept]).toMatchObject([conflict, conflict]);
    // What was put down as changed is taken back.
    expect(records.map(({ event }) => event)).toEqual([
      'write_agent',
      'withhold',
      'delete_agent',
      'withhold',
    ]);
    expect(new Set(records.map(({ decisionId }) => decisionId)).size).toBe(2);
    expect(await agents('GET')).toMatchObject({ body: { purpose: 'Does more.' } });
  });

  it('changes nothing that is not in the audit trail', async () => {
    const records: unknown[] = [];
    const recording = await serveHttp({
      ...service,
      registry: { ...service.registry, audit: { append: async (record) => void records.push(record) } },
    });
    await recording.send('PATCH', '/v1/agents/bot', { token: admin, json: { state: 'suspended' } });
    await recording.close();
    expect(records).toMatchObject([
      {
        event: 'write_agent',
        subject: 'user:root',
        details: { before: { state: 'active' }, after: { id: 'bot', state: 'suspended' } },
      },
    ]);
    const down = await serveHttp({
      ...service,
      registry: { ...service.registry, audit: { append: () => Promise.reject(new Error('down')) } },
    });
    const answer = await down.send('PATCH', '/v1/agents/bot', { token: admin, json: { state: 'active' } });
    await down.close();
    expect(answer.status).toBe(500);
    expect(await agents('GET')).toMatchObject({ body: { state: 'suspended' } });
  });
});
