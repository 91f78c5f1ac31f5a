import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import type { AgentAccess } from '../../src/types/access.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let admin: string;
let byBot: string;
let anne: string;

const both = ['user:anne', 'agent:bot'];

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  admin = await service.token('root', { scopes: ['admin'] });
  byBot = await service.token('anne', { actor: 'bot' });
  anne = await service.token('anne');
  const as = await writer(service);
  await put(service.write, as, 'plan', 'The harbour plan.', both);
  await put(service.write, as, 'people', 'Who works at the harbour.', both, { labels: ['pii', 'hr'] });
  await put(service.write, as, 'draft', 'A harbour, drafted.', both, { labels: 'draft' });
  await put(service.write, as, 'edited', 'The harbour, edited.', both);
  await put(service.write, as, 'hers', 'The harbour of Anne.', ['user:anne'], { labels: 'draft' });
  await service.write.relationships.write('default', {
    writes: [{ user: 'agent:bot', relation: 'editor', object: 'document:edited' }],
    deletes: [],
  });
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const change = (access: unknown, token = admin) =>
  http.send('PATCH', '/v1/agents/bot', { token, json: { access } });
const ask = (token = byBot, k = 10) =>
  http.send('POST', '/v1/retrieve', { token, json: { query: 'harbour', k } });
const found = async (token = byBot, k = 10) => {
  const { body } = await ask(token, k);
  const results = body.results as readonly { document_id: string }[];
  return {
    ids: results.map(({ document_id }) => document_id).toSorted(),
    told: body.complete === true ? 'complete' : body.shortfall,
  };
};
const read = (id: string, token = byBot) => http.send('GET', `/v1/documents/${id}`, { token });
const rules = (...all: AgentAccess['rules']): Partial<AgentAccess> => ({ rules: all });

describe('what an agent may use', () => {
  it('is all that it and the person may read, where there is no rule', async () => {
    expect(await found()).toEqual({ ids: ['draft', 'edited', 'people', 'plan'], told: 'complete' });
  });

  it('is never what a rule takes away, which is then as if it were not there', async () => {
    expect(await change(rules({ label: 'pii', rule: 'never' }))).toMatchObject({
      status: 200,
      body: { access: { default: 'alone', rules: [{ label: 'pii', rule: 'never' }] } },
    });
    expect(await found()).toEqual({ ids: ['draft', 'edited', 'plan'], told: 'complete' });
    const [withheld, absent] = [await read('people'), await read('absent')];
    expect(withheld).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(withheld.text).toBe(absent.text);
    expect(withheld.headers).toEqual(absent.headers);
  });

  it('waits for approval where a rule says so, and the answer says that it lacks something', async () => {
    await change(rules({ label: 'pii', rule: 'approval' }));
    expect(await found()).toEqual({ ids: ['draft', 'edited', 'plan'], told: 'approval_required' });
    expect(await read('people')).toMatchObject({ status: 403, body: { code: 'approval_required' } });
    expect((await read('people')).text).not.toMatch(/works at|pii/);
    // What the agent may not read needs no approval: it is not there.
    await change(rules({ label: 'draft', rule: 'approval' }));
    expect(await read('draft')).toMatchObject({ status: 403 });
    expect(await read('hers')).toMatchObject({ status: 404 });
  });

  it('goes by what the agent itself is to a document', async () => {
    await change(rules({ relation: 'editor', rule: 'never' }));
    expect(await found()).toEqual({ ids: ['draft', 'people', 'plan'], told: 'complete' });
    expect(await read('edited')).toMatchObject({ status: 404 });
  });

  it('is what the strictest rule says, and the default where none fits', async () => {
    await change({
      default: 'never',
      rules: [
        { label: 'hr', rule: 'alone' },
        { label: 'draft', rule: 'alone' },
        { label: 'pii', rule: 'approval' },
      ],
    });
    expect(await found()).toEqual({ ids: ['draft'], told: 'approval_required' });
    expect(await read('plan')).toMatchObject({ status: 404 });
  });

  it('is not asked of people who ask by themselves', async () => {
    await change({ default: 'never' });
    expect((await found()).ids).toEqual([]);
    expect((await found(anne)).ids).toEqual(['draft', 'edited', 'hers', 'people', 'plan']);
  });

  it('is searched for past all that is withheld, to the last passage asked for', async () => {
    await change(rules({ label: 'pii', rule: 'never' }, { label: 'draft', rule: 'never' }));
    expect(await found(byBot, 2)).toEqual({ ids: ['edited', 'plan'], told: 'complete' });
  });

  it('is nothing with labels that nobody can read', async () => {
    await put(service.write, await writer(service), 'odd', 'The odd harbour.', both, {
      labels: { pii: true },
    });
    await change(rules({ label: 'legal', rule: 'never' }));
    expect(await read('odd')).toMatchObject({ status: 404 });
    await change({});
    expect(await read('odd')).toMatchObject({ status: 200 });
  });

  it('is judged by the labels of the version that is released', async () => {
    await change(rules({ label: 'pii', rule: 'never' }));
    const { labels } = service.read.rules;
    const as = await writer(service);
    const racing = {
      ...service.read,
      rules: {
        ...service.read.rules,
        labels: {
          async of(...asked: Parameters<typeof labels.of>) {
            const before = await labels.of(...asked);
            // Labelled while its labels, of the version before, have just been read.
            await put(service.write, as, 'plan', 'The harbour plan, with names.', undefined, {
              labels: 'pii',
            });
            return before;
          },
        },
      },
    };
    const answer = await retrieve(racing, byBot, { query: 'harbour', k: 10 });
    expect(answer.results.map(({ document_id }) => document_id)).not.toContain('plan');
    expect(answer).toMatchObject({ complete: false, shortfall: 'document_changed' });
    await put(service.write, as, 'plan', 'The harbour plan.');
    expect(await read('plan')).toMatchObject({ status: 200 });
  });

  it('is not guessed where the engine does not say what a rule hangs on', async () => {
    await change(rules({ relation: 'editor', rule: 'never' }));
    const { engine } = service.read;
    const silent = await serveHttp({
      ...service,
      read: {
        ...service.read,
        engine: {
          async batchCheck(batch) {
            const editors = new Set(
              batch.checks
                .filter(({ relation }) => relation === 'editor')
                .map((check) => check.correlationId),
            );
            return (await engine.batchCheck(batch)).filter((result) => !editors.has(result.correlationId));
          },
        },
      },
    });
    expect(await silent.send('GET', '/v1/documents/plan', { token: byBot })).toMatchObject({
      status: 503,
      body: { code: 'engine_unavailable' },
    });
    // Where another rule decides it already, nothing is asked.
    await change(rules({ relation: 'editor', rule: 'approval' }, { label: 'pii', rule: 'never' }));
    expect(await silent.send('GET', '/v1/documents/people', { token: byBot })).toMatchObject({ status: 404 });
    await silent.close();
  });

  it('counts for the agents of an audience too', async () => {
    await change(rules({ label: 'pii', rule: 'never' }));
    const { body } = await http.send('POST', '/v1/retrieve', {
      token: anne,
      json: { query: 'harbour', k: 10, audience: ['agent:bot'] },
    });
    const ids = (body.results as { document_id: string }[]).map(({ document_id }) => document_id);
    expect(ids).toContain('plan');
    expect(ids).not.toContain('people');
  });

  it('is nothing for an agent that has been forgotten while its request was under way', async () => {
    const forgetful = {
      ...service.read,
      rules: { ...service.read.rules, agents: { find: async () => [] } },
    };
    expect((await retrieve(forgetful, byBot, { query: 'harbour' })).results).toEqual([]);
  });

  it('is in the audit record: what was withheld, and not its text', async () => {
    await change(rules({ label: 'hr', rule: 'approval' }));
    const { body } = await ask();
    const told = await http.send('GET', `/v1/decisions/${String(body.decision_id)}`, { token: admin });
    expect(told.body).toMatchObject({
      details: {
        withheld: [
          { documentId: 'people', version: 1 },
          { documentId: 'odd', version: 1 },
        ],
      },
    });
    expect(told.text).not.toMatch(/works at/);
  });
});

describe('the rules', () => {
  it('are kept with the agent, and in the audit trail before and after', async () => {
    const records: unknown[] = [];
    const recording = await serveHttp({
      ...service,
      registry: { ...service.registry, audit: { append: async (record) => void records.push(record) } },
    });
    const json = { access: rules({ label: 'hr', rule: 'never' }) };
    await recording.send('PATCH', '/v1/agents/bot', { token: admin, json });
    await recording.close();
    expect(records).toMatchObject([
      {
        event: 'write_agent',
        details: {
          before: { access: { rules: [{ label: 'hr', rule: 'approval' }] } },
          after: { access: { rules: [{ label: 'hr', rule: 'never' }] } },
        },
      },
    ]);
  });

  it('stay where a registration does not name them', async () => {
    const registration = {
      owner: 'user:carl',
      purpose: 'Answers.',
      risk_class: 'low',
      expires_at: new Date(Date.now() + 86_400_000).toISOString(),
    };
    const put = (json: unknown) => http.send('PUT', '/v1/agents/bot', { token: admin, json });
    expect(await put(registration)).toMatchObject({
      status: 200,
      body: { access: { rules: [{ label: 'hr', rule: 'never' }] } },
    });
    expect(await put({ ...registration, access: {} })).toMatchObject({
      body: { access: { default: 'alone', rules: [] } },
    });
  });

  it.each<[string, unknown]>([
    ['a relation that the model lacks', rules({ relation: 'can_fly', rule: 'never' })],
    ['an unknown rule', { rules: [{ label: 'pii', rule: 'sometimes' }] }],
    ['a rule on both', { rules: [{ label: 'pii', relation: 'editor', rule: 'never' }] }],
    ['a rule on neither', { rules: [{ rule: 'never' }] }],
    ['an unknown default', { default: 'ask' }],
    ['an unknown field', { else: 'never' }],
  ])('refuse %s', async (_, access) => {
    expect(await change(access)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });

  it('are for administrators', async () => {
    const token = await service.token('eve', { scopes: ['retrieve', 'ingest'], source: 'wiki' });
    expect(await change({}, token)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
  });
});
