import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readClaims } from '../../src/adapters/jwt/claims.ts';
import { onlyIssuer } from '../../src/adapters/jwt/trusted-issuer.ts';
import { clearanceTool } from '../../src/doors/langchain/index.ts';
import type { Identity } from '../../src/ports/identity.ts';
import { retrieve } from '../../src/retrieve/retrieve.ts';
import type { Presented } from '../../src/types/presented.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let bob: string;
const request = { query: 'diary' };

beforeAll(async () => {
  service = await openTestService();
  await put(service.write, await writer(service), 'diary', 'The diary of Anne.', ['user:anne']);
  http = await serveHttp(service);
  bob = await service.token('bob');
});
afterAll(async () => {
  await http.close();
  await service.close();
});

function claimsOf(presented: Presented) {
  return decodeJwt(typeof presented === 'string' ? presented : presented.token);
}

/** Anne's claims, signed with a key that the caller made. */
async function forged(): Promise<string> {
  const claims = decodeJwt(await service.token('anne'));
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', kid: 'mine', jwk: await exportJWK(publicKey) })
    .sign(privateKey);
}

describe('the subject comes from a verified token', () => {
  it('and not from one that merely says so', async () => {
    const believes: Identity = {
      ...service.read.identity,
      verify: async (token) => {
        const { token: facts, ...said } = readClaims(
          claimsOf(token),
          onlyIssuer('clearance-development', 'any'),
        );
        return { ...said, token: { ...facts, issuer: 'any', hash: 'hash' }, expiresAt: new Date() };
      },
    };
    const token = await forged();
    const leak = await retrieve({ ...service.read, identity: believes }, token, request);
    expect(leak.results[0]?.document_id).toBe('diary');
    await expect(retrieve(service.read, token, request)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it.each(['user', 'subject', 'as', 'actor', 'principal', 'tenant', 'on_behalf_of'])(
    'and not from the field "%s" of a body',
    async (field) => {
      const answer = await http.send('POST', '/v1/retrieve', {
        token: bob,
        json: { ...request, [field]: 'user:anne' },
      });
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
      expect(answer.body.detail).toContain(field);
      expect(answer.text).not.toContain('diary');
    },
  );

  it.each(['user', 'subject', 'as'])('and not from "%s" in the body of a new session', async (field) => {
    const answer = await http.send('POST', '/v1/sessions', { token: bob, json: { [field]: 'user:anne' } });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  });

  it('and so do its agents, which must be let act where they act by delegation', async () => {
    await put(service.write, await writer(service), 'letter', 'The letter in the diary.', [
      'user:anne',
      'agent:clerk',
      'agent:planner',
    ]);
    const token = await service.token('anne', { actor: ['clerk', 'planner'] });
    // Whoever names agents is believed.
    const believes = { ...service.read, identity: service.exchange.subjects };
    const { results } = await retrieve(believes, token, request);
    expect(results.map(({ document_id }) => document_id)).toEqual(['letter']);
    await expect(retrieve(service.read, token, request)).rejects.toMatchObject({
      code: 'delegation_not_allowed',
    });
  });

  it('and not from a query string or a header', async () => {
    const headers = { 'x-user': 'user:anne', 'x-forwarded-user': 'anne', 'x-clearance-subject': 'user:anne' };
    // A door that took the subject from the query would be an identity that reads it there.
    const fromQuery: Identity = {
      ...service.read.identity,
      verify: async (token) => {
        const credentials = await service.read.identity.verify(token);
        return { ...credentials, principal: { ...credentials.principal, subject: 'user:anne' } };
      },
    };
    const faulty = await serveHttp({ ...service, read: { ...service.read, identity: fromQuery } });
    const path = '/v1/retrieve?user=user:anne&subject=anne&as=anne';
    const leak = await faulty.send('POST', path, { token: bob, json: request, headers });
    await faulty.close();
    expect(leak.text).toContain('The diary of Anne.');

    expect(await http.send('POST', path, { token: bob, json: request, headers })).toMatchObject({
      status: 200,
      body: { results: [], complete: true },
    });
    expect(await http.send('GET', '/v1/documents/diary?as=anne', { token: bob, headers })).toMatchObject({
      status: 404,
    });
    expect(await http.send('POST', path, { json: request, headers })).toMatchObject({ status: 401 });
  });

  it('and not from the arguments of a tool that a model calls', async () => {
    const tool = clearanceTool({ retrieve: ({ token, ...asked }) => retrieve(service.read, token, asked) });
    const config = { configurable: { clearance_token: bob } };
    await expect(
      tool.invoke({ query: 'diary', user: 'user:anne' } as { query: string }, config),
    ).rejects.toThrow(/schema|user/);
    expect(await tool.invoke({ query: 'diary' }, config)).toBe('[]');
  });
});
