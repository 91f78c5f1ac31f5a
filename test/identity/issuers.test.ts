import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { createLocalJWKSet } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engineUser } from '../../src/adapters/jwt/engine-user.ts';
import { oidcIdentity } from '../../src/adapters/jwt/oidc.ts';
import { onlyIssuer, readIssuers, type TrustedIssuer } from '../../src/adapters/jwt/trusted-issuer.ts';
import { jwtIdentity } from '../../src/adapters/jwt/verify.ts';
import type { Identity } from '../../src/ports/identity.ts';
import { type SigningKey, sign, signingKey } from './issuer.ts';

const OWN = 'https://login.example.com/';
const PARTNER = 'https://id.partner.example/';

let folder: string;
let [own, partner]: SigningKey[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clearance-issuers-'));
  [own, partner] = [await signingKey('same-kid'), await signingKey('same-kid')];
});
afterAll(() => rm(folder, { recursive: true }));

async function fileOf(content: unknown): Promise<string> {
  const path = join(folder, `${Math.random()}.json`);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const keyOf = (issuer: string): SigningKey => {
  const key = issuer === OWN ? own : partner;
  if (key === undefined) throw new Error('no key');
  return key;
};

/** Of the file, with each issuer's key at hand. */
async function trusting(...content: object[]): Promise<Identity> {
  const issuers = await readIssuers(await fileOf(content));
  return jwtIdentity(
    issuers.map((trusted) => ({
      trusted,
      key: createLocalJWKSet({ keys: [keyOf(trusted.issuer).jwk] }),
    })),
  );
}

function tokenOf(issuer: string, claims: Record<string, unknown> = {}, signer = keyOf(issuer)) {
  const exp = Math.floor(Date.now() / 1_000) + 60;
  return sign(signer, { iss: issuer, aud: 'clearance', sub: 'anne', scope: 'retrieve', exp, ...claims });
}

describe('several issuers', () => {
  it('name their people by namespaces, so equal names are different people', async () => {
    const identity = await trusting({ issuer: OWN }, { issuer: PARTNER, namespace: 'partner' });
    const act = { sub: 'bot' };
    await expect(identity.verify(await tokenOf(OWN, { act }))).resolves.toMatchObject({
      principal: { issuer: OWN, subject: 'user:anne', chain: ['agent:bot'] },
    });
    await expect(identity.verify(await tokenOf(PARTNER, { act }))).resolves.toMatchObject({
      principal: { issuer: PARTNER, subject: 'user:partner!anne', chain: ['agent:partner!bot'] },
    });
    // Whatever the own issuer calls somebody, it is not somebody of the partner's.
    const posing = await identity.verify(await tokenOf(OWN, { sub: 'partner!anne' }));
    expect(posing.principal.subject).toBe('user:partner%21anne');
  });

  it('never name two people alike, whatever the names', () => {
    const namespace = fc.option(fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,5}$/), { nil: undefined });
    const name = fc.oneof(
      fc.string({ minLength: 1, unit: 'grapheme' }),
      fc.stringMatching(/^[a-c!%|21-]{1,8}$/),
    );
    const person = fc.record({ namespace, name: name.filter((text) => text.isWellFormed()) });
    fc.assert(
      fc.property(person, person, (a, b) => {
        fc.pre(a.namespace !== b.namespace || a.name !== b.name);
        expect(engineUser('user', a.name, a.namespace)).not.toBe(engineUser('user', b.name, b.namespace));
      }),
      { numRuns: 2_000 },
    );
  });

  it('have keys of their own: one can’t sign for the other', async () => {
    const identity = await trusting({ issuer: OWN }, { issuer: PARTNER, namespace: 'partner' });
    await expect(identity.verify(await tokenOf(OWN, {}, partner))).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining('signature is wrong'),
    });
  });

  it('are not named to who comes from elsewhere', async () => {
    const identity = await trusting({ issuer: OWN }, { issuer: PARTNER, namespace: 'partner' });
    const stranger = await sign(keyOf(OWN), { iss: 'https://evil.example.com/', sub: 'anne' });
    await expect(identity.verify(stranger)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.not.stringContaining('example'),
    });
  });
});

describe('an issuer of the file', () => {
  const refusedBecause = (because: RegExp) => ({
    code: 'unauthenticated',
    message: expect.stringMatching(because),
  });

  it('speaks for its own tenants only, and names one only where it has several', async () => {
    const one = await trusting({ issuer: OWN, tenants: ['acme'] });
    await expect(one.verify(await tokenOf(OWN))).resolves.toMatchObject({ principal: { tenant: 'acme' } });
    const other = tokenOf(OWN, { tenant: 'rival' });
    await expect(one.verify(await other)).rejects.toMatchObject(refusedBecause(/tenant/));
    const two = await trusting({ issuer: OWN, tenants: ['acme', 'rival'] });
    await expect(two.verify(await other)).resolves.toMatchObject({ principal: { tenant: 'rival' } });
    await expect(two.verify(await tokenOf(OWN))).rejects.toMatchObject(refusedBecause(/tenant/));
    const any = await trusting({ issuer: OWN, tenants: 'any' });
    await expect(any.verify(await other)).resolves.toMatchObject({ principal: { tenant: 'rival' } });
    const usual = await trusting({ issuer: OWN });
    await expect(usual.verify(await other)).rejects.toMatchObject(refusedBecause(/tenant/));
  });

  it('gives only the scopes that it may', async () => {
    const token = await tokenOf(OWN, { scope: 'retrieve admin ingest', source: 'hr' });
    const usual = await trusting({ issuer: OWN });
    await expect(usual.verify(token)).resolves.toMatchObject({ scopes: new Set(['retrieve']) });
    const more = await trusting({ issuer: OWN, scopes: ['ingest'] });
    await expect(more.verify(token)).resolves.toMatchObject({ scopes: new Set(['ingest']) });
  });

  it('may be held to some clients', async () => {
    const identity = await trusting({ issuer: OWN, clients: ['app'] });
    for (const claims of [{ azp: 'app' }, { client_id: 'app' }, { azp: 'app', client_id: 'app' }]) {
      await expect(identity.verify(await tokenOf(OWN, claims))).resolves.toBeDefined();
    }
    for (const claims of [{}, { azp: 'other' }, { azp: 'app', client_id: 'other' }]) {
      await expect(identity.verify(await tokenOf(OWN, claims))).rejects.toMatchObject(
        refusedBecause(/client/),
      );
    }
  });

  it('may name people by another claim, and by an address only where it has verified it', async () => {
    const byId = await trusting({ issuer: OWN, user_claim: 'oid' });
    await expect(byId.verify(await tokenOf(OWN, { oid: '7f' }))).resolves.toMatchObject({
      principal: { subject: 'user:7f' },
    });
    await expect(byId.verify(await tokenOf(OWN))).rejects.toMatchObject(refusedBecause(/"oid"/));
    const byAddress = await trusting({ issuer: OWN, user_claim: 'email' });
    const email = 'anne@example.com';
    await expect(
      byAddress.verify(await tokenOf(OWN, { email, email_verified: true })),
    ).resolves.toMatchObject({ principal: { subject: `user:${email}` } });
    for (const more of [{}, { email_verified: false }, { email_verified: 'true' }]) {
      await expect(byAddress.verify(await tokenOf(OWN, { email, ...more }))).rejects.toMatchObject(
        refusedBecause(/email_verified/),
      );
    }
  });

  it('whose tokens have to be bound to a key has no others taken', async () => {
    const identity = await trusting({ issuer: OWN, sender_constrained: true });
    await expect(identity.verify(await tokenOf(OWN))).rejects.toMatchObject(refusedBecause(/has to bind it/));
  });
});

describe('the file', () => {
  it.each([
    ['no JSON', '{', /can not be read as JSON/],
    ['no issuer', [], /names no issuer/],
    ['an http issuer', [{ issuer: 'http://login.example.com' }], /0\.issuer: must be an https URL/],
    ['an unknown setting', [{ issuer: OWN, audiences: 'x' }], /audiences/],
    ['an issuer twice', [{ issuer: OWN }, { issuer: OWN, namespace: 'x' }], /an issuer twice/],
    ['two without a namespace', [{ issuer: OWN }, { issuer: PARTNER }], /the same names/],
    ['a namespace twice', [OWN, PARTNER].map((issuer) => ({ issuer, namespace: 'x' })), /the same names/],
    ['a namespace that is a name', [{ issuer: OWN, namespace: 'a!b' }], /0\.namespace/],
    ['a tenant that is none', [{ issuer: OWN, tenants: ['../x'] }], /tenants/],
    ['an unknown scope', [{ issuer: OWN, scopes: ['root'] }], /scopes/],
  ])('with %s is refused at start', async (_, content, because) => {
    await expect(readIssuers(await fileOf(content))).rejects.toMatchObject({
      name: 'StartupError',
      message: expect.stringMatching(because),
    });
  });

  it('that is not there is refused at start', async () => {
    await expect(readIssuers(join(folder, 'nowhere.json'))).rejects.toMatchObject({ name: 'StartupError' });
  });

  it('with tokens bound to keys needs the address of the service', () => {
    const bound: TrustedIssuer = { ...onlyIssuer(OWN, 'clearance'), senderConstrained: true };
    expect(() => oidcIdentity([bound])).toThrow(/PUBLIC_URL/);
  });
});
