import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limitedIdentity } from '../../src/limits/limited-identity.ts';
import type { Identity } from '../../src/ports/identity.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

const TENANTS = ['acme', 'globex'] as const;
type Tenant = (typeof TENANTS)[number];
const SESSION = 'one-and-the-same-session';
const DECISION = 'one-and-the-same-decision';

let service: TestService;
let http: Http;
const tokens = new Map<string, string>();

const token = (tenant: Tenant, who: 'anne' | 'bot' | 'hr' | 'root') => tokens.get(`${tenant} ${who}`) ?? '';
const source = {
  owner: 'user:carl',
  purpose: 'The HR system.',
  grants: [{ type: 'group', relations: ['member'] }],
};
const document = (tenant: Tenant, more = {}) => ({
  title: 'plan',
  text: `The harbour plan of ${tenant}.`,
  relationships: ['user:anne', 'agent:bot'].map((user) => ({ user, relation: 'viewer' })),
  ...more,
});

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  for (const tenant of TENANTS) {
    tokens.set(`${tenant} anne`, await service.token('anne', { tenant }));
    tokens.set(`${tenant} bot`, await service.token('anne', { tenant, actor: 'bot' }));
    tokens.set(`${tenant} hr`, await service.token('hr-sync', { tenant, scopes: ['ingest'], source: 'hr' }));
    tokens.set(`${tenant} root`, await service.token('root', { tenant, scopes: ['admin'] }));
    await http.send('PUT', '/v1/sources/hr', { token: token(tenant, 'root'), json: source });
    await http.send('PUT', '/v1/documents/plan', { token: token(tenant, 'hr'), json: document(tenant) });
    const { principal } = await service.read.identity.verify(token(tenant, 'anne'));
    const expiresAt = new Date(Date.now() + 3_600_000);
    await service.read.sessions.create({ id: SESSION, principal, expiresAt, keys: [], since: undefined });
    await service.read.audit.append({
      tenant,
      decisionId: DECISION,
      event: 'retrieve',
      issuer: principal.issuer,
      subject: principal.subject,
      chain: [],
      details: { of: tenant },
    });
  }
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const ask = (tenant: Tenant, who: 'anne' | 'bot', more = {}, door = http) =>
  door.send('POST', '/v1/retrieve', {
    token: token(tenant, who),
    json: { query: 'harbour plan', k: 10, ...more },
  });

/** All that one tenant sees of its own, without what is made anew for each answer. */
async function seenBy(tenant: Tenant, door = http) {
  const get = async (path: string, who: 'anne' | 'bot' | 'root' = 'root') => {
    const { status, body } = await door.send('GET', path, { token: token(tenant, who) });
    const { decision_id: _, ...rest } = body;
    return { status, ...rest };
  };
  const { status, body } = await ask(tenant, 'anne', { session_id: SESSION }, door);
  const { decision_id: _, ...answer } = body;
  const { session_id: __, decision_id: ___, ...byBot } = (await ask(tenant, 'bot', {}, door)).body;
  return {
    answer: { status, ...answer },
    byBot,
    unknownField: (await ask(tenant, 'anne', { filter: { colour: { eq: 'red' } } }, door)).text,
    document: await get('/v1/documents/plan', 'anne'),
    other: await get('/v1/documents/other', 'anne'),
    agents: await get('/v1/agents'),
    sources: await get('/v1/sources'),
    decision: await get(`/v1/decisions/${DECISION}`),
  };
}

/** One tenant does all there is to do, under the ids that the other one has too. */
async function busy(tenant: Tenant, door = http): Promise<void> {
  const [root, hr, anne] = [token(tenant, 'root'), token(tenant, 'hr'), token(tenant, 'anne')];
  const send = async (method: string, path: string, as: string, json?: unknown) => {
    const answer = await door.send(method, path, { token: as, ...(json === undefined ? {} : { json }) });
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.text}`);
  };
  await send(
    'PUT',
    '/v1/documents/plan',
    hr,
    document(tenant, { text: 'Another plan.', metadata: { colour: 'red' } }),
  );
  await send(
    'PUT',
    '/v1/documents/other',
    hr,
    document(tenant, { title: 'other', text: 'The harbour, harbour, harbour.' }),
  );
  await send('POST', '/v1/relationships', hr, {
    writes: [{ user: 'user:anne', relation: 'member', object: 'group:eng' }],
  });
  await send('DELETE', '/v1/documents/plan', hr);
  await send('DELETE', `/v1/sessions/${SESSION}`, anne);
  await send('PATCH', '/v1/agents/bot', root, { access: { default: 'never' } });
  await send('PATCH', '/v1/agents/bot', root, { state: 'suspended' });
  await send('PATCH', '/v1/sources/hr', root, { state: 'suspended', grants: [] });
}

/** As if tokens said nothing of a tenant. */
function ofOneTenant(identity: Identity): Identity {
  return {
    ...identity,
    async verify(presented) {
      const credentials = await identity.verify(presented);
      return { ...credentials, principal: { ...credentials.principal, tenant: 'acme' } };
    },
  };
}

describe('two tenants with the same ids for everything', () => {
  it('each see their own', async () => {
    for (const tenant of TENANTS) {
      const seen = await seenBy(tenant);
      const other = TENANTS.find((each) => each !== tenant) ?? '';
      expect(seen).toMatchObject({
        answer: { status: 200, results: [{ document_id: 'plan', text: `The harbour plan of ${tenant}.` }] },
        byBot: { results: [{ document_id: 'plan' }] },
        document: { status: 200 },
        other: { status: 404 },
        agents: { agents: [{ id: 'bot', standing: 'active' }] },
        sources: { sources: [{ id: 'hr', standing: 'active' }] },
        decision: { details: { of: tenant } },
      });
      expect(JSON.stringify(seen)).not.toContain(other);
    }
  });

  it('would see each other’s, were the tenant lost on the way', async () => {
    const mixed = await serveHttp({
      ...service,
      read: { ...service.read, identity: ofOneTenant(service.read.identity) },
    });
    expect(JSON.stringify(await seenBy('globex', mixed))).toContain('acme');
    await mixed.close();
  });

  it('see nothing of what the other one does: not by an answer, a score, a state or an error', async () => {
    const before = await seenBy('acme');
    await busy('globex');
    const after = await seenBy('acme');
    expect(after).toEqual(before);
    const hr = token('acme', 'hr');
    expect(await http.send('PUT', '/v1/documents/plan', { token: hr, json: document('acme') })).toMatchObject(
      {
        status: 200,
        body: { version: 1 },
      },
    );
    expect(await ask('globex', 'bot')).toMatchObject({ status: 403 });
    expect(await ask('globex', 'anne', { session_id: SESSION })).toMatchObject({ status: 404 });
  });

  it('have a rate of requests each', async () => {
    const limited = await serveHttp({
      ...service,
      read: { ...service.read, identity: limitedIdentity(service.read.identity, 2) },
    });
    const statuses = async (tenant: Tenant) => {
      const answers = [];
      for (let i = 0; i < 3; i += 1) answers.push((await ask(tenant, 'anne', {}, limited)).status);
      return answers;
    };
    expect(await statuses('globex')).toEqual([200, 200, 429]);
    expect(await statuses('acme')).toEqual([200, 200, 429]);
    await limited.close();
  });

  it('share no vector, so that none can tell by the time what the other one has', async () => {
    const embedded: string[] = [];
    const { embeddings } = service.write;
    const counting = {
      ...service.write,
      embeddings: {
        ...embeddings,
        embed: (texts: readonly string[]) => (embedded.push(...texts), embeddings.embed(texts)),
      },
    };
    for (const tenant of TENANTS) {
      const as = await writer(service, { tenant, source: 'wiki' });
      await put(counting, as, 'same', 'Word for word the same.');
      await put(counting, as, 'again', 'Word for word the same.');
    }
    // Titles count; the same title and text in one tenant are embedded once, and once more in the other.
    expect(embedded.filter((text) => text.startsWith('same'))).toHaveLength(2);
  });

  it('are in no metric by name', async () => {
    const metrics = await service.meter.registry.metrics();
    for (const name of [...TENANTS, 'plan', 'hr']) expect(metrics).not.toMatch(new RegExp(`"${name}"`));
  });
});
