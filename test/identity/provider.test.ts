import { decodeJwt } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/parts/free-port.ts';
import { httpServer } from '../../src/doors/http/server.ts';
import { ACCESS_TOKEN } from '../../src/types/delegation.ts';
import { seed } from '../real/seed.ts';
import { knowAgent, openTestService, type TestService } from '../support/service.ts';
import { API, REDIRECT_URI, startProvider, TOKEN_EXCHANGE } from './provider.ts';

let provider: Awaited<ReturnType<typeof startProvider>>;
let service: TestService;
let app: Awaited<ReturnType<typeof httpServer>>;
let url: string;

beforeAll(async () => {
  provider = await startProvider();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  service = await openTestService({ OIDC_ISSUER: provider.url, PUBLIC_URL: url });
  app = await httpServer(service, 'silent');
  await app.listen({ host: '127.0.0.1', port });
  for (const agent of ['support-bot', 'research-bot']) await knowAgent(service.registry, agent);
  await seed(service.write, service.config, {
    relationships: [
      { user: 'agent:support-bot', relation: 'can_act_for', object: 'user:anne' },
      { user: 'agent:research-bot', relation: 'can_act_for', object: 'user:anne' },
      { user: 'agent:research-bot', relation: 'can_act_for', object: 'agent:support-bot' },
    ],
    documents: [
      documentFor('diary', 'user:anne'),
      documentFor('manual', 'agent:support-bot'),
      documentFor('ticket', 'user:anne', 'agent:support-bot'),
      documentFor('report', 'user:anne', 'agent:support-bot', 'agent:research-bot'),
      documentFor('posing', 'user:support-bot'),
    ],
  });
});

afterAll(async () => {
  await app.close();
  await service.close();
  await provider.stop();
});

const documentFor = (id: string, ...viewers: readonly string[]) => ({
  id,
  title: id,
  text: `The ${id} about printers.`,
  relationships: viewers.map((user) => ({ user, relation: 'viewer' })),
});

const configOf = (clientId: string, authentication: client.ClientAuth) =>
  client.discovery(
    new URL(provider.url),
    clientId,
    { id_token_signed_response_alg: 'ES256' },
    authentication,
    { execute: [client.allowInsecureRequests] },
  );

/** Anne in a browser that keeps cookies and stops where it is sent back to the app. */
async function browse(from: URL): Promise<URL> {
  const cookies = new Map<string, string>();
  for (let at = from; ; ) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(at, { redirect: 'manual', headers: { cookie } });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') cookies.delete(name);
      else cookies.set(name, value);
    }
    const location = response.headers.get('location');
    if (location === null)
      throw new Error(`${at.pathname} answered ${response.status}: ${await response.text()}`);
    at = new URL(location, at);
    if (at.href.startsWith(REDIRECT_URI)) return at;
  }
}

/** The authorization code flow with PKCE. */
async function logIn(person: string, DPoP?: client.DPoPHandle) {
  const config = await configOf('app', client.None());
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const address = client.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI,
    scope: 'openid retrieve',
    resource: API,
    login_hint: person,
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  const options = DPoP === undefined ? {} : { DPoP };
  const checks = { pkceCodeVerifier };
  return client.authorizationCodeGrant(config, await browse(address), checks, { resource: API }, options);
}

const bot = (name = 'support-bot') => configOf(name, client.ClientSecretBasic(provider.secret));

/** An agent's own token. */
async function ownToken(name = 'support-bot', DPoP?: client.DPoPHandle): Promise<string> {
  const wanted = { scope: 'retrieve', resource: API };
  const options = DPoP === undefined ? {} : { DPoP };
  return (await client.clientCredentialsGrant(await bot(name), wanted, options)).access_token;
}

/** The service's own token endpoint, as a client of OAuth knows one. */
function ours(): client.Configuration {
  const config = new client.Configuration(
    { issuer: url, token_endpoint: `${url}/oauth/token`, jwks_uri: `${url}/.well-known/jwks.json` },
    'any',
    undefined,
    client.None(),
  );
  client.allowInsecureRequests(config);
  return config;
}

const exchangeHere = (subject_token: string, actor_token: string, DPoP?: client.DPoPHandle) =>
  client.genericGrantRequest(
    ours(),
    TOKEN_EXCHANGE,
    { subject_token, subject_token_type: ACCESS_TOKEN, actor_token, actor_token_type: ACCESS_TOKEN },
    DPoP === undefined ? {} : { DPoP },
  );

async function retrieveWith(token: string): Promise<{ status: number; found: unknown }> {
  const response = await fetch(`${url}/v1/retrieve`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query: 'printers', k: 10 }),
  });
  return { status: response.status, found: await documentsIn(response) };
}

async function documentsIn(response: Response): Promise<unknown> {
  const { results } = (await response.json()) as { results?: readonly { document_id: string }[] };
  return results?.map(({ document_id }) => document_id).toSorted();
}

describe('tokens of a real provider', () => {
  it('by the authorization code flow with PKCE are of the person', async () => {
    const { access_token } = await logIn('anne');
    expect(decodeJwt(access_token)).toMatchObject({ sub: 'anne', client_id: 'app', aud: 'clearance' });
    expect(await retrieveWith(access_token)).toEqual({ status: 200, found: ['diary', 'report', 'ticket'] });
    const { access_token: stranger } = await logIn('bob');
    expect(await retrieveWith(stranger)).toEqual({ status: 200, found: [] });
  });

  it('are not its ID tokens', async () => {
    const { id_token = '' } = await logIn('anne');
    expect(id_token).not.toBe('');
    expect(await retrieveWith(id_token)).toMatchObject({ status: 401 });
  });

  it('by client credentials are of the agent itself, and of no person of its name', async () => {
    expect(await retrieveWith(await ownToken())).toEqual({
      status: 200,
      found: ['manual', 'report', 'ticket'],
    });
  });

  it('by token exchange are of the person through the agent: what both may read', async () => {
    const { access_token: subject } = await logIn('anne');
    const { access_token } = await client.genericGrantRequest(await bot(), TOKEN_EXCHANGE, {
      subject_token: subject,
      subject_token_type: ACCESS_TOKEN,
      resource: API,
    });
    expect(decodeJwt(access_token)).toMatchObject({ sub: 'anne', act: { sub: 'support-bot' } });
    expect(await retrieveWith(access_token)).toEqual({ status: 200, found: ['report', 'ticket'] });
  });

  it('that are bound to a key (DPoP) are of who holds it', async () => {
    const config = await configOf('app', client.None());
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    const { access_token, token_type } = await logIn('anne', DPoP);
    expect(token_type).toBe('dpop');
    const ask = (handle: client.DPoPHandle) =>
      client.fetchProtectedResource(
        config,
        access_token,
        new URL(`${url}/v1/retrieve`),
        'POST',
        JSON.stringify({ query: 'printers', k: 10 }),
        new Headers({ 'content-type': 'application/json' }),
        { DPoP: handle },
      );
    expect(await documentsIn(await ask(DPoP))).toEqual(['diary', 'report', 'ticket']);
    expect(await retrieveWith(access_token)).toMatchObject({ status: 401 });
    const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    await expect(ask(thief)).rejects.toMatchObject({ status: 401 });
  });
});

describe('tokens of a real provider, exchanged here', () => {
  it('are of the person through the agent, and then through the next', async () => {
    const { access_token: anne } = await logIn('anne');
    const given = await exchangeHere(anne, await ownToken());
    expect(given).toMatchObject({ token_type: 'bearer', scope: 'retrieve' });
    expect(decodeJwt(given.access_token)).toMatchObject({
      iss: url,
      sub: 'user:anne',
      subject_issuer: provider.url,
    });
    expect(await retrieveWith(given.access_token)).toEqual({ status: 200, found: ['report', 'ticket'] });
    const next = await exchangeHere(given.access_token, await ownToken('research-bot'));
    expect(await retrieveWith(next.access_token)).toEqual({ status: 200, found: ['report'] });
    const back = exchangeHere(next.access_token, await ownToken());
    await expect(back).rejects.toMatchObject({ error: 'invalid_request' });
  });

  it('are taken after the provider has named the first agent', async () => {
    const { access_token: subject_token } = await logIn('anne');
    const { access_token } = await client.genericGrantRequest(await bot(), TOKEN_EXCHANGE, {
      subject_token,
      subject_token_type: ACCESS_TOKEN,
      resource: API,
    });
    const next = await exchangeHere(access_token, await ownToken('research-bot'));
    expect(decodeJwt(next.access_token)).toMatchObject({
      act: { sub: 'agent:research-bot', act: { sub: 'agent:support-bot' } },
    });
    expect(await retrieveWith(next.access_token)).toEqual({ status: 200, found: ['report'] });
  });

  it('are refused for a person who lets nobody act, and for its ID tokens', async () => {
    const { access_token: bob } = await logIn('bob');
    const refused = { status: 400, error: 'invalid_request' };
    await expect(exchangeHere(bob, await ownToken())).rejects.toMatchObject({
      ...refused,
      error_description: expect.stringContaining('may not act for user:bob'),
    });
    const { access_token, id_token = '' } = await logIn('anne');
    await expect(exchangeHere(id_token, await ownToken())).rejects.toMatchObject(refused);
    await expect(exchangeHere(access_token, id_token)).rejects.toMatchObject(refused);
    await expect(exchangeHere(access_token, bob)).rejects.toMatchObject(refused);
  });

  it('stay bound to the key that they were bound to (DPoP)', async () => {
    const config = ours();
    const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    const { access_token: anne } = await logIn('anne', DPoP);
    await expect(exchangeHere(anne, await ownToken())).rejects.toMatchObject({ error: 'invalid_request' });
    const given = await exchangeHere(anne, await ownToken('support-bot', DPoP), DPoP);
    expect(given.token_type).toBe('dpop');
    const answer = await client.fetchProtectedResource(
      config,
      given.access_token,
      new URL(`${url}/v1/retrieve`),
      'POST',
      JSON.stringify({ query: 'printers', k: 10 }),
      new Headers({ 'content-type': 'application/json' }),
      { DPoP },
    );
    expect(await documentsIn(answer)).toEqual(['report', 'ticket']);
    expect(await retrieveWith(given.access_token)).toMatchObject({ status: 401 });
  });
});
