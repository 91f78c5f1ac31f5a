import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exchangeToken } from '../../src/delegation/exchange.ts';
import { grantOf } from '../../src/delegation/grant.ts';
import type { AuditRecord } from '../../src/ports/audit.ts';
import { ACCESS_TOKEN, TOKEN_EXCHANGE } from '../../src/types/delegation.ts';
import { ClearanceError } from '../../src/types/errors.ts';
import { assemble } from '../identity/issuer.ts';
import { serveHttp } from '../support/http.ts';
import { openWorld, type World } from './world.ts';

let world: World;
let anne: string;
let bot: string;
/** Of anne through the bot. */
let byBot: string;

beforeAll(async () => {
  world = await openWorld();
  await world.allow('a > user:anne', 'b > user:anne', 'b > agent:a');
  anne = await world.service.token('anne');
  bot = await world.agent('a');
  byBot = await world.exchanged(anne, bot);
});
afterAll(() => world.close());

const refused = (error: string, because: RegExp) => ({
  status: 400,
  body: { error, error_description: expect.stringMatching(because) },
});
const lifeOf = ({ exp = 0, iat = 0 }: { exp?: number; iat?: number }) => exp - iat;

describe("a person's token and an agent's own", () => {
  it('give one of the person through the agent', async () => {
    const answer = await world.exchange({ subject_token: anne, actor_token: bot });
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'cache-control': 'no-store',
        pragma: 'no-cache',
        'content-type': 'application/json; charset=utf-8',
      },
      body: { issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: 300, scope: 'retrieve' },
    });
    const token = String(answer.body['access_token']);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: expect.any(String), typ: 'at+jwt' });
    expect(decodeJwt(token)).toEqual({
      iss: world.url,
      aud: 'clearance',
      sub: 'user:anne',
      subject_issuer: 'clearance-development',
      client_id: 'agent:a',
      act: { sub: 'agent:a' },
      tenant: 'default',
      scope: 'retrieve',
      revoked_with: { token: expect.any(Array), session: expect.any(Array), since: expect.any(Number) },
      iat: expect.any(Number),
      exp: expect.any(Number),
      jti: expect.any(String),
    });
    expect(lifeOf(decodeJwt(token))).toBe(300);
  });

  it('that reads what both may, as the same person', async () => {
    expect(await world.finds(anne)).toEqual(['diary', 'mail', 'notice', 'plan']);
    expect(await world.finds(bot)).toEqual(['mail', 'notice', 'plan']);
    expect(await world.finds(byBot)).toEqual(['mail', 'notice', 'plan']);
    const { principal } = await world.service.read.identity.verify(byBot);
    expect(principal).toEqual({
      tenant: 'default',
      issuer: 'clearance-development',
      subject: 'user:anne',
      chain: ['agent:a'],
    });
  });

  it('that anyone can verify by the published key', async () => {
    const { body, status } = await world.send('GET', '/.well-known/jwks.json');
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        keys: [expect.objectContaining({ kty: 'EC', crv: 'P-256', use: 'sig', alg: 'ES256' }) as unknown],
      },
    });
    expect(JSON.stringify(body)).not.toContain('"d"');
    const keys = createLocalJWKSet(body as unknown as JSONWebKeySet);
    await expect(jwtVerify(byBot, keys, { issuer: world.url, audience: 'clearance' })).resolves.toBeDefined();
  });

  it('and that can be handed on to another agent', async () => {
    const chain = await world.exchanged(byBot, await world.agent('b'));
    expect(decodeJwt(chain)).toMatchObject({
      sub: 'user:anne',
      client_id: 'agent:b',
      act: { sub: 'agent:b', act: { sub: 'agent:a' } },
    });
    expect(await world.finds(chain)).toEqual(['notice', 'plan']);
  });

  it('also for this service by name and address, and with parameters that nobody knows', async () => {
    const answer = await world.exchange({
      subject_token: anne,
      actor_token: bot,
      audience: 'clearance',
      resource: world.url,
      scope: 'retrieve',
      requested_token_type: ACCESS_TOKEN,
      client_id: 'anything',
      empty: '',
    });
    expect(answer).toMatchObject({ status: 200 });
  });

  it('also where the subject is an agent, which lets another act for it', async () => {
    const own = await world.agent('a');
    const other = await world.agent('b');
    const token = await world.exchanged(own, other);
    expect(decodeJwt(token)).toMatchObject({ sub: 'agent:a', act: { sub: 'agent:b' } });
    expect(await world.finds(token)).toEqual(['notice', 'plan']);
  });
});

describe('a token given in exchange', () => {
  it('ends no later than either that it was given for', async () => {
    const brief = { lifetime: 40 };
    for (const [subject_token, actor_token] of [
      [await world.service.token('anne', brief), bot],
      [anne, await world.agent('a', brief)],
    ] as const) {
      const { body } = await world.exchange({ subject_token, actor_token });
      const { exp = 0 } = decodeJwt(String(body['access_token']));
      const ends = [subject_token, actor_token].map((each) => decodeJwt(each).exp ?? 0);
      expect(exp).toBe(Math.min(...ends));
      expect(body['expires_in']).toBeLessThanOrEqual(40);
    }
    const again = await world.exchanged(byBot, await world.agent('b'));
    expect(decodeJwt(again).exp).toBe(decodeJwt(byBot).exp);
  });

  it('carries no scope and no source of a writer', async () => {
    const writer = await world.service.token('anne', {
      scopes: ['retrieve', 'ingest', 'admin'],
      source: 'wiki',
    });
    const token = await world.exchanged(writer, await world.agent('a', { scopes: ['retrieve', 'admin'] }));
    expect(decodeJwt(token)).toMatchObject({ scope: 'retrieve' });
    expect(decodeJwt(token)).not.toHaveProperty('source');
    const { scopes, source } = await world.service.read.identity.verify(token);
    expect({ scopes, source }).toEqual({ scopes: new Set(['retrieve']), source: undefined });
    expect(await world.send('GET', '/v1/agents', { token })).toMatchObject({ status: 403 });
    const json = { title: 'x', text: 'x' };
    expect(await world.send('PUT', '/v1/documents/x', { token, json })).toMatchObject({ status: 403 });
  });

  it('is in the audit trail, with the whole chain, before it is given', async () => {
    const records: AuditRecord[] = [];
    const { exchange } = world.service;
    const form = {
      grant_type: [TOKEN_EXCHANGE],
      subject_token: [byBot],
      subject_token_type: [ACCESS_TOKEN],
      actor_token: [await world.agent('b')],
      actor_token_type: [ACCESS_TOKEN],
    };
    const append = async (record: AuditRecord) => void records.push(record);
    const given = await exchangeToken({ ...exchange, audit: { append } }, form, undefined);
    expect(records).toMatchObject([
      {
        event: 'exchange_token',
        subject: 'user:anne',
        issuer: 'clearance-development',
        chain: ['agent:b', 'agent:a'],
        decisionId: decodeJwt(given.access_token).jti,
      },
    ]);
    const down = { append: () => Promise.reject(new Error('down')) };
    await expect(exchangeToken({ ...exchange, audit: down }, form, undefined)).rejects.toThrow('down');
  });
});

describe('refused is', () => {
  const pair = async (subject_token: string | Promise<string>, actor_token: string | Promise<string>) => ({
    subject_token: await subject_token,
    actor_token: await actor_token,
  });

  it.each<[string, () => Promise<Record<string, string>>, string, RegExp]>([
    [
      'the scope "admin"',
      async () => ({ ...(await pair(admin(), bot)), scope: 'admin' }),
      'invalid_scope',
      /Only the scope/,
    ],
    [
      'the scope "ingest" beside',
      async () => ({ ...(await pair(admin(), bot)), scope: 'retrieve ingest' }),
      'invalid_scope',
      /Only the scope/,
    ],
    [
      'a scope that nobody knows',
      async () => ({ ...(await pair(anne, bot)), scope: 'openid' }),
      'invalid_scope',
      /Only the scope/,
    ],
    [
      'a person who may not retrieve',
      () => pair(world.service.token('anne', { scopes: ['admin'] }), bot),
      'invalid_scope',
      /subject_token lacks/,
    ],
    [
      'an agent that may not retrieve',
      () => pair(anne, world.agent('a', { scopes: ['admin'] })),
      'invalid_scope',
      /actor_token lacks/,
    ],
    [
      'another audience',
      async () => ({ ...(await pair(anne, bot)), audience: 'billing' }),
      'invalid_target',
      /this service only/,
    ],
    [
      'another resource',
      async () => ({ ...(await pair(anne, bot)), resource: 'https://billing.example.com' }),
      'invalid_target',
      /this service only/,
    ],
    [
      'a person of another tenant',
      () => pair(world.service.token('anne', { tenant: 'acme' }), bot),
      'invalid_request',
      /different tenants/,
    ],
    [
      'an agent of another tenant',
      () => pair(anne, world.agent('a', { tenant: 'acme' })),
      'invalid_request',
      /different tenants/,
    ],
    [
      'a person as actor',
      () => pair(anne, world.service.token('bob')),
      'invalid_request',
      /not an agent's own/,
    ],
    [
      'a person of an agent’s name as actor',
      () => pair(anne, world.service.token('a')),
      'invalid_request',
      /not an agent's own/,
    ],
    ['the person themselves as actor', () => pair(anne, anne), 'invalid_request', /not an agent's own/],
    [
      'an agent for a person as actor',
      () => pair(anne, world.service.token('bob', { actor: 'a' })),
      'invalid_request',
      /not an agent's own/,
    ],
    ['a token given in exchange as actor', () => pair(anne, byBot), 'invalid_request', /not an agent's own/],
    ['a token for itself', () => pair(bot, bot), 'invalid_request', /in the subject_token already/],
    ['the agent that has it', () => pair(byBot, bot), 'invalid_request', /in the subject_token already/],
    [
      'an agent that handed it on',
      async () => pair(world.exchanged(byBot, await world.agent('b')), bot),
      'invalid_request',
      /in the subject_token already/,
    ],
    [
      'an agent that an issuer named already',
      () => pair(world.service.token('anne', { actor: 'a' }), bot),
      'invalid_request',
      /in the subject_token already/,
    ],
    [
      'a fifth agent',
      () => pair(world.service.token('anne', { actor: ['d', 'c', 'b', 'e'] }), bot),
      'invalid_request',
      /through 4 agents already/,
    ],
    ['a tampered token', () => pair(tampered(anne), bot), 'invalid_request', /subject_token: .*signature/],
    [
      'a tampered agent’s token',
      () => pair(anne, tampered(bot)),
      'invalid_request',
      /actor_token: .*signature/,
    ],
    [
      'an unsigned token',
      () => pair(assemble({ alg: 'none', kid: 'x' }, decodeJwt(anne)), bot),
      'invalid_request',
      /unsigned/,
    ],
    ['something else', () => pair('anything', bot), 'invalid_request', /subject_token: .*not a signed JWT/],
    [
      'an agent that may not act for the person',
      () => pair(anne, world.agent('stranger')),
      'invalid_request',
      /agent:stranger may not act for user:anne/,
    ],
    [
      'the agent, for somebody else',
      () => pair(world.service.token('bob'), bot),
      'invalid_request',
      /agent:a may not act for user:bob/,
    ],
    [
      'an agent that may act for the person, and not for the agent before',
      () => pair(world.service.token('anne', { actor: 'b' }), bot),
      'invalid_request',
      /agent:a may not act for agent:b/,
    ],
    [
      'an agent that is not registered',
      async () => {
        const token = await world.agent('gone');
        await world.send('DELETE', '/v1/agents/gone', { token: await admin() });
        return pair(anne, token);
      },
      'invalid_request',
      /actor_token: .*not registered/,
    ],
  ])('%s', async (_, form, error, because) => {
    expect(await world.exchange(await form())).toMatchObject(refused(error, because));
  });

  const admin = () =>
    world.service.token('anne', { scopes: ['retrieve', 'ingest', 'admin'], source: 'wiki' });
  const tampered = (token: string) => {
    const [header, claims, signature = ''] = token.split('.');
    return `${header}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`;
  };

  it.each<[string, Record<string, string | readonly string[] | undefined>, string, RegExp]>([
    ['no grant_type', { grant_type: undefined }, 'unsupported_grant_type', /grant_type/],
    ['another grant', { grant_type: 'client_credentials' }, 'unsupported_grant_type', /grant_type/],
    ['two grants', { grant_type: [TOKEN_EXCHANGE, TOKEN_EXCHANGE] }, 'unsupported_grant_type', /grant_type/],
    ['no subject', { subject_token: undefined }, 'invalid_request', /subject_token/],
    ['an empty subject', { subject_token: '' }, 'invalid_request', /subject_token/],
    ['two subjects', { subject_token: ['x', 'y'] }, 'invalid_request', /subject_token: has to be there once/],
    ['no actor', { actor_token: undefined }, 'invalid_request', /actor_token/],
    ['two actors', { actor_token: ['x', 'y'] }, 'invalid_request', /actor_token/],
    ['no type of the subject', { subject_token_type: undefined }, 'invalid_request', /subject_token_type/],
    ['no type of the actor', { actor_token_type: undefined }, 'invalid_request', /actor_token_type/],
    ['two scopes', { scope: ['retrieve', 'retrieve'] }, 'invalid_request', /more than once/],
    ...['id_token', 'refresh_token', 'jwt', 'saml2'].flatMap((type) =>
      ['subject_token_type', 'actor_token_type', 'requested_token_type'].map(
        (name): [string, Record<string, string>, string, RegExp] => [
          `${type} as ${name}`,
          { [name]: `urn:ietf:params:oauth:token-type:${type}` },
          'invalid_request',
          new RegExp(`${name} is .*access_token`),
        ],
      ),
    ),
  ])('a form with %s', async (_, fields, error, because) => {
    const form = { subject_token: anne, actor_token: bot, ...fields };
    expect(await world.exchange(form)).toMatchObject(refused(error, because));
  });

  it.each<[string, string, string | Buffer]>([
    ['JSON', 'application/json', '{"grant_type":"x"}'],
    ['text', 'text/plain', 'grant_type=x'],
    ['what is no text', 'application/x-www-form-urlencoded', Buffer.from([0x61, 0x3d, 0xff])],
    ['too much', 'application/x-www-form-urlencoded', `a=${'x'.repeat(70_000)}`],
    ['nothing', 'application/x-www-form-urlencoded', ''],
  ])('a body of %s, as OAuth has it', async (_, type, raw) => {
    const answer = await world.send('POST', '/oauth/token', { raw, headers: { 'content-type': type } });
    expect(answer.status).toBe(400);
    expect(Object.keys(answer.body)).toEqual(['error', 'error_description']);
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', pragma: 'no-cache' });
    // RFC 6749, section 5.2.
    expect(answer.body['error_description']).toMatch(/^[ !#-[\]-~]+$/);
  });

  it('a token in the query or the head, where none is looked for', async () => {
    const path = `/oauth/token?subject_token=${anne}&actor_token=${bot}`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await world.send('POST', path, { token: anne, raw: '', headers })).status).toBe(400);
    expect((await world.send('GET', path)).status).toBe(404);
  });
});

it.each<[string, number, Partial<World['service']['exchange']>]>([
  [
    'an engine that does not answer',
    503,
    { delegations: { engine: { batchCheck: () => Promise.reject(new Error('down')) }, defines: () => true } },
  ],
  [
    'a person with too many requests',
    429,
    {
      subjects: {
        requireStanding: async () => {},
        verify: () => Promise.reject(new ClearanceError('rate_limited', 'Too many.', { retryAfter: 1 })),
      },
    },
  ],
])('with %s, it is worth trying again, as OAuth has it', async (_, status, more) => {
  const http = await serveHttp({ ...world.service, exchange: { ...world.service.exchange, ...more } });
  const raw = new URLSearchParams({
    grant_type: TOKEN_EXCHANGE,
    subject_token: anne,
    subject_token_type: ACCESS_TOKEN,
    actor_token: bot,
    actor_token_type: ACCESS_TOKEN,
  }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(await http.send('POST', '/oauth/token', { raw, headers })).toMatchObject({
    status,
    headers: { 'retry-after': '1', 'cache-control': 'no-store' },
    body: { error: 'temporarily_unavailable' },
  });
  await http.close();
});

it('without a key to sign with, exchange is not set up, and says so', async () => {
  const { tokens: _, ...exchange } = world.service.exchange;
  const http = await serveHttp({ ...world.service, exchange });
  const form = new URLSearchParams({ grant_type: TOKEN_EXCHANGE }).toString();
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  expect(await http.send('POST', '/oauth/token', { raw: form, headers })).toMatchObject(
    refused('unsupported_grant_type', /TOKEN_SIGNING_KEY/),
  );
  expect(await http.send('GET', '/.well-known/jwks.json')).toMatchObject({
    status: 404,
    body: { code: 'not_found' },
  });
  await http.close();
});

it('what was verified too long ago to be good any longer gives nothing', async () => {
  const [subject, actor] = [
    await world.service.exchange.subjects.verify(anne),
    await world.service.exchange.actors.verify(bot),
  ];
  for (const late of [subject, actor]) {
    const at = new Date(late.expiresAt.getTime());
    expect(() => grantOf(subject, actor, undefined, undefined, at)).toThrow(/has expired/);
  }
});
