import { decodeJwt } from 'jose';
import * as client from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../scripts/parts/free-port.ts';
import { httpServer } from '../../src/doors/http/server.ts';
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
  await knowAgent(service.registry, 'support-bot');
  await seed(service.write, service.config, {
    relationships: [],
    documents: [
      documentFor('diary', 'user:anne'),
      documentFor('manual', 'agent:support-bot'),
      documentFor('ticket', 'user:anne', 'agent:support-bot'),
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

const bot = () => configOf('support-bot', client.ClientSecretBasic(provider.secret));

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
    expect(await retrieveWith(access_token)).toEqual({ status: 200, found: ['diary', 'ticket'] });
    const { access_token: stranger } = await logIn('bob');
    expect(await retrieveWith(stranger)).toEqual({ status: 200, found: [] });
  });

  it('are not its ID tokens', async () => {
    const { id_token = '' } = await logIn('anne');
    expect(id_token).not.toBe('');
    expect(await retrieveWith(id_token)).toMatchObject({ status: 401 });
  });

  it('by client credentials are of the agent itself, and of no person of its name', async () => {
    const { access_token } = await client.clientCredentialsGrant(await bot(), {
      scope: 'retrieve',
      resource: API,
    });
    expect(await retrieveWith(access_token)).toEqual({ status: 200, found: ['manual', 'ticket'] });
  });

  it('by token exchange are of the person through the agent: what both may read', async () => {
    const { access_token: subject } = await logIn('anne');
    const { access_token } = await client.genericGrantRequest(await bot(), TOKEN_EXCHANGE, {
      subject_token: subject,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      resource: API,
    });
    expect(decodeJwt(access_token)).toMatchObject({ sub: 'anne', act: { sub: 'support-bot' } });
    expect(await retrieveWith(access_token)).toEqual({ status: 200, found: ['ticket'] });
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
    expect(await documentsIn(await ask(DPoP))).toEqual(['diary', 'ticket']);
    expect(await retrieveWith(access_token)).toMatchObject({ status: 401 });
    const thief = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'));
    await expect(ask(thief)).rejects.toMatchObject({ status: 401 });
  });
});
