import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, type JWK } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { onlyIssuer } from '../../src/adapters/jwt/trusted-issuer.ts';
import { jwtIdentity } from '../../src/adapters/jwt/verify.ts';
import { postgresUsedProofs } from '../../src/adapters/postgres/used-proofs.ts';
import type { Identity } from '../../src/ports/identity.ts';
import type { UsedProofs } from '../../src/ports/used-proofs.ts';
import type { BoundToken } from '../../src/types/presented.ts';
import { serveHttp } from '../support/http.ts';
import { openParts, type Parts } from '../support/parts.ts';
import { assemble, type SigningKey, sign, signingKey } from './issuer.ts';

const ISSUER = 'https://login.example.com/';
const PUBLIC_URL = 'https://clearance.example.com/api/';
const HTU = 'https://clearance.example.com/api/v1/retrieve';
const now = () => Math.floor(Date.now() / 1_000);

let issuerKey: SigningKey;
let holder: SigningKey;
let thief: SigningKey;
let used: UsedProofs;
let identity: Identity;
let token: string;
let parts: Parts;

beforeAll(async () => {
  parts = await openParts();
  used = postgresUsedProofs(parts.database);
  [issuerKey, holder, thief] = [await signingKey('issuer'), await signingKey('own'), await signingKey('own')];
  identity = trusting(used);
});
afterAll(() => parts.close());
beforeEach(async () => {
  token = await tokenFor(holder.jwk);
});

const trusting = (proofs: UsedProofs) =>
  jwtIdentity(
    [{ trusted: onlyIssuer(ISSUER, 'clearance'), key: createLocalJWKSet({ keys: [issuerKey.jwk] }) }],
    { publicUrl: PUBLIC_URL, used: proofs },
  );

async function tokenFor(jwk: JWK, sub = 'anne'): Promise<string> {
  const cnf = { jkt: await calculateJwkThumbprint(jwk) };
  return sign(issuerKey, { iss: ISSUER, aud: 'clearance', sub, scope: 'retrieve', exp: now() + 60, cnf });
}

const claimsOf = (of = token) => ({
  jti: Math.random().toString(36),
  iat: now(),
  htm: 'POST',
  htu: HTU,
  ath: createHash('sha256').update(of).digest('base64url'),
});
const headerOf = ({ jwk }: SigningKey) => ({ typ: 'dpop+jwt', jwk, kid: undefined });
const proofOf = (claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}, key = holder) =>
  sign(key, { ...claimsOf(), ...claims }, { ...headerOf(key), ...header });

const presenting = (proof: string, more: Partial<BoundToken> = {}): BoundToken => ({
  token,
  proof,
  method: 'POST',
  path: '/v1/retrieve',
  ...more,
});

/** Everything that was refused. */
const attacks: (BoundToken | string)[] = [];

async function refusalOf(presented: BoundToken | string, by = identity): Promise<string> {
  if (by === identity) attacks.push(presented);
  const error: unknown = await by.verify(presented).then(
    () => expect.unreachable('it was taken'),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'ClearanceError', code: 'unauthenticated', status: 401 });
  return (error as Error).message;
}

describe('a token that is bound to a key', () => {
  it('is taken with a proof of holding that key, for this request', async () => {
    await expect(identity.verify(presenting(await proofOf()))).resolves.toMatchObject({
      principal: { subject: 'user:anne' },
    });
    const asked = await proofOf({ htu: `${HTU}?debug=1#top` });
    await expect(identity.verify(presenting(asked))).resolves.toBeDefined();
  });

  it('is taken once with each proof, by all copies of the service together', async () => {
    const presented = presenting(await proofOf());
    const copies = Array.from({ length: 8 }, () => trusting(postgresUsedProofs(parts.database)));
    const answers = await Promise.allSettled(copies.map((copy) => copy.verify(presented)));
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await refusalOf(presented)).toMatch(/used before/);
  });

  it('and would be taken again, did nobody remember', async () => {
    const presented = presenting(await proofOf());
    const forgetful = trusting({ use: async () => true });
    await forgetful.verify(presented);
    await expect(forgetful.verify(presented)).resolves.toBeDefined();
  });

  it('is not taken while nobody can tell whether its proof was used', async () => {
    const down = trusting({ use: () => Promise.reject(new Error('down')) });
    await expect(down.verify(presenting(await proofOf()))).rejects.toMatchObject({
      code: 'identity_unavailable',
      status: 503,
    });
  });

  it('is not taken as a bearer token, nor without a proof', async () => {
    expect(await refusalOf(token)).toMatch(/bound to a key: send it as/);
    for (const none of ['', 'a.b.c', 'undefined'])
      expect(await refusalOf(presenting(none))).toMatch(/no JWT/);
  });

  it('of a thief, or with the thief’s proof', async () => {
    expect(await refusalOf(presenting(await proofOf({}, {}, thief)))).toMatch(/another key/);
    expect(await refusalOf(presenting(await sign(thief, claimsOf(), headerOf(holder))))).toMatch(/no JWT/);
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['no signature', async () => assemble({ ...headerOf(holder), alg: 'none' }, claimsOf()), /no JWT/],
    [
      'a shared secret',
      async () => assemble({ ...headerOf(holder), alg: 'HS256' }, claimsOf(), 'x'),
      /no JWT/,
    ],
    ['no key', () => proofOf({}, { jwk: undefined }), /no JWT/],
    ['its private key', async () => proofOf({}, { jwk: await exportJWK(holder.privateKey) }), /no JWT/],
    ['another type', () => proofOf({}, { typ: 'JWT' }), /no JWT/],
    ['no type', () => proofOf({}, { typ: undefined }), /no JWT/],
    ['extensions', () => proofOf({}, { crit: ['odd'], odd: 1 }), /no JWT/],
    ['an old proof', () => proofOf({ iat: now() - 70 }), /no JWT/],
    ['one of the future', () => proofOf({ iat: now() + 3_600 }), /no JWT/],
    ['no time', () => proofOf({ iat: undefined }), /no JWT/],
    ['a time that is no number', () => proofOf({ iat: 'now' }), /no JWT/],
    ['no id', () => proofOf({ jti: undefined }), /lacks/],
    ['an endless id', () => proofOf({ jti: 'x'.repeat(201) }), /lacks/],
    ['no method', () => proofOf({ htm: undefined }), /lacks/],
    ['another method', () => proofOf({ htm: 'GET' }), /made for GET/],
    ['the method in small letters', () => proofOf({ htm: 'post' }), /made for post/],
    ['no address', () => proofOf({ htu: undefined }), /lacks/],
    ['another path', () => proofOf({ htu: HTU.replace('retrieve', 'sessions') }), /another address/],
    ['another host', () => proofOf({ htu: HTU.replace('clearance.', 'evil.') }), /another address/],
    ['http', () => proofOf({ htu: HTU.replace('https', 'http') }), /another address/],
    ['another port', () => proofOf({ htu: HTU.replace('.com', '.com:8443') }), /another address/],
    ['an address that is none', () => proofOf({ htu: '/v1/retrieve' }), /lacks/],
    ['no token', () => proofOf({ ath: undefined }), /lacks/],
    [
      'another token',
      async () => proofOf({ ath: claimsOf(await tokenFor(holder.jwk, 'bob')).ath }),
      /another token/,
    ],
    ['a flood', () => proofOf({ padding: 'x'.repeat(8_000) }), /longer than/],
  ])('with %s in its proof', async (_, proof, because) => {
    expect(await refusalOf(presenting(await proof()))).toMatch(because);
  });

  it('is not taken where the service was not told its own address', async () => {
    const untold = jwtIdentity([
      { trusted: onlyIssuer(ISSUER, 'clearance'), key: createLocalJWKSet({ keys: [issuerKey.jwk] }) },
    ]);
    expect(await refusalOf(presenting(await proofOf()), untold)).toMatch(/PUBLIC_URL/);
  });
});

describe('a token that is not bound', () => {
  it('is not taken as if it were', async () => {
    const bearer = await sign(issuerKey, { iss: ISSUER, aud: 'clearance', sub: 'anne', exp: now() + 60 });
    const proof = await proofOf({ ath: claimsOf(bearer).ath });
    expect(await refusalOf(presenting(proof, { token: bearer }))).toMatch(/not bound/);
  });

  it('may be of a small RSA key in no way', async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256', {
      modulusLength: 2_048,
      extractable: true,
    });
    const rsa = { kid: 'rsa', alg: 'RS256', privateKey, jwk: await exportJWK(publicKey), pem: '' };
    token = await tokenFor(rsa.jwk);
    const proof = await sign(rsa, claimsOf(), { typ: 'dpop+jwt', jwk: rsa.jwk, kid: undefined });
    await expect(identity.verify(presenting(proof))).resolves.toBeDefined();
  });
});

describe('all of them over HTTP', () => {
  it('are answered 401', async () => {
    const http = await serveHttp({
      ...parts,
      read: { ...parts.read, identity },
      ready: async () => ({ pendingSteps: 0, oldestSeconds: 0 }),
    });
    // A server reads 16 KiB of headers, and no control characters.
    const sent = attacks.filter((each) => typeof each === 'string' || /^[!-~]{0,12000}$/.test(each.proof));
    expect(sent.length).toBeGreaterThanOrEqual(30);
    const times: number[] = [];
    for (const each of sent) {
      const headers =
        typeof each === 'string'
          ? { authorization: `Bearer ${each}` }
          : { authorization: `DPoP ${each.token}`, dpop: each.proof };
      const begin = performance.now();
      const { status, body } = await http.send('POST', '/v1/retrieve', { headers, json: { query: 'x' } });
      times.push(performance.now() - begin);
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'unauthenticated' });
    }
    console.log(`${sent.length} attacks, the slowest answered in ${Math.max(...times).toFixed(1)} ms`);
    await http.close();
  });
});
