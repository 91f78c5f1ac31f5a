import { createLocalJWKSet } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { onlyIssuer } from '../../src/adapters/jwt/trusted-issuer.ts';
import { jwtIdentity } from '../../src/adapters/jwt/verify.ts';
import type { Identity } from '../../src/ports/identity.ts';
import { type SigningKey, sign, signingKey } from './issuer.ts';

const ISSUER = 'https://login.example.com/';
const UUID = '0b6c5f3e-52f1-4f6e-9a57-2f5a3f1c9d11';

let key: SigningKey;
let identity: Identity;
beforeAll(async () => {
  key = await signingKey('key-1');
  const keys = createLocalJWKSet({ keys: [key.jwk] });
  const trusted = { ...onlyIssuer(ISSUER, 'clearance'), namespace: 'acme' };
  identity = jwtIdentity([{ trusted, key: keys }]);
});

async function subjectOf(claims: Record<string, unknown>): Promise<string> {
  const common = {
    iss: ISSUER,
    aud: 'clearance',
    scope: 'retrieve',
    exp: Math.floor(Date.now() / 1_000) + 60,
  };
  const { principal } = await identity.verify(await sign(key, { ...common, ...claims }));
  return principal.subject;
}

const auth0 = { sub: 'b0t@clients', azp: 'b0t', gty: 'client-credentials' };
const okta = { sub: '0oab0t', cid: '0oab0t', scp: ['retrieve'], ver: 1 };
const keycloak = {
  sub: UUID,
  azp: 'b0t',
  client_id: 'b0t',
  preferred_username: 'service-account-b0t',
  clientHost: '10.0.0.1',
  acr: '1',
};
const entra = {
  sub: UUID,
  oid: UUID,
  azp: 'b0t',
  azpacr: '1',
  idtyp: 'app',
  roles: ['retrieve'],
  ver: '2.0',
};
const { azp: _, ...entraV1 } = { ...entra, appid: 'b0t', ver: '1.0' };

describe('a machine’s own token is of the agent', () => {
  it.each([
    ['RFC 9068', { sub: 'b0t', client_id: 'b0t' }, 'b0t'],
    ['Auth0', auth0, 'b0t'],
    ['Auth0 in its RFC 9068 form', { sub: 'b0t@clients', client_id: 'b0t' }, 'b0t'],
    ['Okta', okta, '0oab0t'],
    ['Cognito', { sub: 'b0t', client_id: 'b0t', token_use: 'access' }, 'b0t'],
    ['Cloud Foundry', { sub: 'b0t', client_id: 'b0t', azp: 'b0t', cid: 'b0t' }, 'b0t'],
    ['Keycloak whose subject was mapped', { ...keycloak, sub: 'b0t' }, 'b0t'],
    ['Keycloak whose subject was mapped, without client_id', { sub: 'b0t', azp: 'b0t' }, 'b0t'],
    ['Entra', entra, 'b0t'],
    ['Entra, version 1', entraV1, 'b0t'],
  ])('as %s has it', async (__, claims, agent) => {
    expect(await subjectOf(claims)).toBe(`agent:acme!${agent}`);
  });
});

describe('a person’s token is of the person', () => {
  it.each([
    ['RFC 9068', { sub: 'anne', client_id: 'app', auth_time: 1 }, 'anne'],
    ['Auth0', { sub: 'auth0|anne', azp: 'app' }, 'auth0|anne'],
    ['Auth0, by password', { sub: 'auth0|anne', azp: 'app', gty: 'password' }, 'auth0|anne'],
    ['Okta', { sub: 'anne@example.com', uid: '00u1', cid: '0oaapp' }, 'anne@example.com'],
    ['Keycloak', { sub: UUID, azp: 'app', preferred_username: 'anne', sid: 's', acr: '1' }, UUID],
    ['Entra', { sub: 'pairwise', oid: UUID, azp: 'app', scp: 'retrieve', idtyp: 'user' }, 'pairwise'],
    ['one who is called like another client', { sub: 'b0t', client_id: 'app', azp: 'app' }, 'b0t'],
    ['one with a claim of her own', { sub: 'anne', azp: 'app', cid: 7, gty: ['refresh_token'] }, 'anne'],
  ])('as %s has it', async (__, claims, person) => {
    expect(await subjectOf(claims)).toBe(`user:acme!${person}`);
  });
});

describe('a machine’s token that does not say which agent it is of is refused', () => {
  it.each([
    ['Keycloak’s', keycloak, /not its client/],
    ['Keycloak’s without client_id', { ...keycloak, client_id: undefined }, /not its client/],
    ['a person’s who is called like one of Keycloak’s', { ...keycloak, sid: 's' }, /not its client/],
    ['Auth0’s with another subject', { ...auth0, sub: 'anne' }, /not its client/],
    ['Auth0’s with another client’s subject', { ...auth0, azp: 'other' }, /not its client/],
    [
      'one by a grant of client credentials',
      { sub: UUID, grant_type: 'client_credentials' },
      /not its client/,
    ],
    ['Entra’s without a client', { ...entra, azp: undefined }, /not its client/],
    ['one that names two clients', { ...okta, azp: 'other' }, /several clients/],
    ['Entra’s that names two clients', { ...entra, appid: 'other' }, /several clients/],
    ['Okta’s of a person called like the client', { ...okta, uid: '00u1' }, /logged in \("uid"\)/],
    ['of someone who has logged in', { sub: 'b0t', azp: 'b0t', auth_time: 1 }, /logged in \("auth_time"\)/],
    ['Auth0’s form, of someone who has', { ...auth0, auth_time: 1 }, /logged in \("auth_time"\)/],
  ])('%s', async (__, claims, because) => {
    await expect(subjectOf(claims)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringMatching(because) as string,
    });
  });
});

describe('what a token may do', () => {
  async function scopesOf(claims: Record<string, unknown>): Promise<readonly string[]> {
    const common = { iss: ISSUER, aud: 'clearance', exp: Math.floor(Date.now() / 1_000) + 60 };
    const { scopes } = await identity.verify(await sign(key, { ...common, ...claims }));
    return [...scopes];
  }

  it.each([
    ['RFC 9068', { sub: 'anne', scope: 'openid retrieve' }],
    ['Okta', { ...okta, scp: ['openid', 'retrieve'] }],
    ['Entra, for a person', { sub: 'pairwise', azp: 'app', scp: 'User.Read retrieve' }],
    ['Entra, for an application', entra],
  ])('is read as %s has it', async (_, claims) => {
    expect(await scopesOf(claims)).toEqual(['retrieve']);
  });

  it('is not read from roles of people, which mean other things elsewhere', async () => {
    expect(await scopesOf({ sub: 'anne', roles: ['admin'] })).toEqual([]);
  });

  it.each([
    { sub: 'anne', scope: 7 },
    { sub: 'anne', scp: { retrieve: true } },
    { ...entra, roles: [7] },
  ])('is not guessed: %j', async (claims) => {
    await expect(scopesOf(claims)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('may be for some clients only, however these are named', async () => {
    const keys = createLocalJWKSet({ keys: [key.jwk] });
    const trusted = { ...onlyIssuer(ISSUER, 'clearance'), clients: new Set(['0oab0t']) };
    const some = jwtIdentity([{ trusted, key: keys }]);
    const common = { iss: ISSUER, aud: 'clearance', exp: Math.floor(Date.now() / 1_000) + 60 };
    expect((await some.verify(await sign(key, { ...common, ...okta }))).principal.subject).toBe(
      'agent:0oab0t',
    );
    for (const cid of ['other', undefined]) {
      const token = await sign(key, { ...common, ...okta, sub: 'anne', uid: '00u1', cid });
      await expect(some.verify(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    }
  });
});
