import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt, exportJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { developmentExchangeKeys, developmentKeys } from '../../src/adapters/jwt/development-keys.ts';
import { ownTokens, ownVerifier } from '../../src/adapters/jwt/own-tokens.ts';
import { readSigningKey } from '../../src/adapters/jwt/signing-key.ts';
import { onlyIssuer } from '../../src/adapters/jwt/trusted-issuer.ts';
import { jwtIdentity } from '../../src/adapters/jwt/verify.ts';
import { readConfig } from '../../src/config.ts';
import { chooseTokens } from '../../src/parts.ts';
import { type SigningKey, sign, signingKey, startIssuer } from '../identity/issuer.ts';
import { openWorld, proofFor, thumbprintOf, type World } from './world.ts';

let world: World;
let folder: string;
/** The service's own, as a test may have it. */
let own: SigningKey;
/** Of the development issuer. */
let issuer: SigningKey;
/** Of anne through agent:a. */
let good: Record<string, unknown>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clearance-keys-'));
  world = await openWorld();
  await world.allow('a > user:anne', 'b > user:anne', 'b > agent:a');
  const { dataDir } = world.service.config;
  const asKey = ({ kid, alg, privateKey, publicJwk }: Awaited<ReturnType<typeof developmentKeys>>) => ({
    kid,
    alg,
    privateKey,
    jwk: publicJwk,
    pem: '',
  });
  own = asKey(await developmentExchangeKeys(dataDir));
  issuer = asKey(await developmentKeys(dataDir));
  good = decodeJwt(await world.exchanged(await world.service.token('anne'), await world.agent('a')));
});
afterAll(async () => {
  await world.close();
  await rm(folder, { recursive: true });
});

const typed = { typ: 'at+jwt' };
const acting = (...agents: readonly string[]) =>
  agents.reduceRight<object | undefined>((act, sub) => ({ sub, ...(act && { act }) }), undefined);

describe('a token of the service itself', () => {
  it('is taken as it is made', async () => {
    expect(await world.finds(await sign(own, good, typed))).toEqual(['mail', 'notice', 'plan']);
  });

  it.each<[string, () => Promise<string>]>([
    ['signed by an issuer', () => sign(issuer, good, typed)],
    ['signed by an issuer under the name of its key', () => sign({ ...issuer, kid: own.kid }, good, typed)],
    ['signed by anyone', async () => sign({ ...(await signingKey(own.kid)), kid: own.kid }, good, typed)],
    ['that speaks as the issuer', () => sign(own, { ...good, iss: good['subject_issuer'] }, typed)],
    [
      'that speaks as the issuer, of people as it does',
      () => sign(own, { ...good, iss: good['subject_issuer'], sub: 'anne' }, typed),
    ],
    ['of no type', () => sign(own, good)],
    ['of another type', () => sign(own, good, { typ: 'JWT' })],
    ['for another audience', () => sign(own, { ...good, aud: 'billing' }, typed)],
    ['that has expired', () => sign(own, { ...good, exp: Math.floor(Date.now() / 1_000) - 10 }, typed)],
    ['that never ends', () => sign(own, { ...good, exp: undefined }, typed)],
    ['without an id', () => sign(own, { ...good, jti: undefined }, typed)],
    ['without an agent', () => sign(own, { ...good, act: undefined }, typed)],
    [
      'of five agents',
      () => sign(own, { ...good, act: acting('agent:e', 'agent:d', 'agent:c', 'agent:b', 'agent:a') }, typed),
    ],
    ['of a person as agent', () => sign(own, { ...good, act: { sub: 'user:bob' } }, typed)],
    ['of an agent without its type', () => sign(own, { ...good, act: { sub: 'a' } }, typed)],
    ['of all agents', () => sign(own, { ...good, act: { sub: 'agent:*' } }, typed)],
    ['of a group as agent', () => sign(own, { ...good, act: { sub: 'agent:a#member' } }, typed)],
    ['of an agent twice', () => sign(own, { ...good, act: acting('agent:a', 'agent:a') }, typed)],
    ['of everyone', () => sign(own, { ...good, sub: 'user:*' }, typed)],
    ['of a group', () => sign(own, { ...good, sub: 'group:eng#member' }, typed)],
    ['of a person without the type', () => sign(own, { ...good, sub: 'anne' }, typed)],
    ['of nobody', () => sign(own, { ...good, sub: undefined }, typed)],
    ['without the issuer of its subject', () => sign(own, { ...good, subject_issuer: undefined }, typed)],
    ['without what revokes it', () => sign(own, { ...good, revoked_with: undefined }, typed)],
    [
      'whose subject’s issuer is not trusted',
      () => sign(own, { ...good, subject_issuer: 'https://x' }, typed),
    ],
    ['whose subject is its own', () => sign(own, { ...good, subject_issuer: good['iss'] }, typed)],
    ['that may administer', () => sign(own, { ...good, scope: 'retrieve admin' }, typed)],
    ['that may do nothing', () => sign(own, { ...good, scope: undefined }, typed)],
    ['of no tenant', () => sign(own, { ...good, tenant: undefined }, typed)],
    ['bound to a key, sent without', () => sign(own, { ...good, cnf: { jkt: 'x'.repeat(43) } }, typed)],
  ])('%s is none', async (_, token) => {
    expect(await world.finds(await token())).toEqual({ status: 401, code: 'unauthenticated' });
  });

  it('is of its person only while their issuer may speak for the tenant', async () => {
    const [key, issuerOf] = [await signingKey('own'), 'https://login.example.com'];
    const mine = {
      issuer: 'https://clearance.example.com',
      audience: 'clearance',
      key: { ...key, publicJwk: key.jwk },
    };
    const claims = { ...good, iss: mine.issuer, subject_issuer: issuerOf, tenant: 'acme' };
    const token = await sign(key, claims, typed);
    const trusted = onlyIssuer(issuerOf, 'clearance');
    const takes = (tenants: readonly string[]) =>
      jwtIdentity([], undefined, ownVerifier(mine, [{ ...trusted, tenants: new Set(tenants) }])).verify(
        token,
      );
    await expect(takes(['acme'])).resolves.toMatchObject({ principal: { tenant: 'acme', issuer: issuerOf } });
    await expect(takes(['rival'])).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});

describe('tokens that are bound to a key', () => {
  let key: SigningKey;
  let thief: SigningKey;
  beforeAll(async () => {
    [key, thief] = [await signingKey('mine'), await signingKey('mine')];
  });
  const endpoint = () => `${world.url}/oauth/token`;
  const anne = () => world.service.token('anne');
  const askWith = async (token: string, by: SigningKey) => {
    const proof = await proofFor(by, `${world.url}/v1/retrieve`, token);
    const headers = { authorization: `DPoP ${token}`, dpop: proof };
    return (await world.send('POST', '/v1/retrieve', { headers, json: { query: 'harbour' } })).status;
  };
  /** Of anne, bound by the development issuer. */
  const bound = async () => {
    const claims = { ...decodeJwt(await anne()), cnf: { jkt: await thumbprintOf(key) } };
    return sign(issuer, claims, typed);
  };

  it('are given for a proof of it, and taken with one only', async () => {
    const form = { subject_token: await anne(), actor_token: await world.agent('a') };
    const answer = await world.exchange(form, { dpop: await proofFor(key, endpoint()) });
    expect(answer).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
    const token = String(answer.body['access_token']);
    expect(decodeJwt(token)).toMatchObject({ cnf: { jkt: await thumbprintOf(key) } });
    expect(await world.finds(token)).toEqual({ status: 401, code: 'unauthenticated' });
    expect(await askWith(token, key)).toBe(200);
    expect(await askWith(token, thief)).toBe(401);
    // Handed on, it stays with who holds the key.
    const on = { subject_token: token, actor_token: await world.agent('b') };
    const refused = { status: 400, body: { error: 'invalid_request' } };
    expect(await world.exchange(on)).toMatchObject(refused);
    expect(await world.exchange(on, { dpop: await proofFor(thief, endpoint()) })).toMatchObject(refused);
    expect(await world.exchange(on, { dpop: await proofFor(key, endpoint()) })).toMatchObject({
      status: 200,
      body: { token_type: 'DPoP' },
    });
  });

  it('are exchanged for a proof of holding it, and for ones that are bound to it', async () => {
    const form = { subject_token: await bound(), actor_token: await world.agent('a') };
    for (const headers of [{}, { dpop: await proofFor(thief, endpoint()) }]) {
      expect(await world.exchange(form, headers)).toMatchObject({
        status: 400,
        body: { error: 'invalid_request', error_description: expect.stringMatching(/bound to a key/) },
      });
    }
    const answer = await world.exchange(form, { dpop: await proofFor(key, endpoint()) });
    expect(answer).toMatchObject({ status: 200, body: { token_type: 'DPoP' } });
    expect(await askWith(String(answer.body['access_token']), key)).toBe(200);
  });

  it('are not exchanged where two keys would have to be proved', async () => {
    const claims = { ...decodeJwt(await world.agent('a')), cnf: { jkt: await thumbprintOf(thief) } };
    const form = { subject_token: await bound(), actor_token: await sign(issuer, claims, typed) };
    for (const each of [key, thief]) {
      const answer = await world.exchange(form, { dpop: await proofFor(each, endpoint()) });
      expect(answer).toMatchObject({ status: 400, body: { error: 'invalid_request' } });
    }
  });

  it.each<[string, () => Promise<string>]>([
    ['for another address', () => proofFor(key, `${world.url}/v1/retrieve`)],
    ['for another method', () => proofFor(key, endpoint(), undefined, { htm: 'GET' })],
    ['an old one', () => proofFor(key, endpoint(), undefined, { iat: Math.floor(Date.now() / 1_000) - 90 })],
    [
      'one of the future',
      () => proofFor(key, endpoint(), undefined, { iat: Math.floor(Date.now() / 1_000) + 3_600 }),
    ],
    ['without an id', () => proofFor(key, endpoint(), undefined, { jti: undefined })],
    ['that is none', async () => 'anything'],
    ['that is empty', async () => ''],
    ['that was used', used],
  ])('are not given for a proof %s', async (_, proof) => {
    const form = { subject_token: await anne(), actor_token: await world.agent('a') };
    expect(await world.exchange(form, { dpop: await proof() })).toMatchObject({
      status: 400,
      body: { error: 'invalid_dpop_proof' },
    });
  });

  async function used(): Promise<string> {
    const dpop = await proofFor(key, endpoint());
    const form = { subject_token: await anne(), actor_token: await world.agent('a') };
    expect(await world.exchange(form, { dpop })).toMatchObject({ status: 200 });
    return dpop;
  }
});

describe('the key that the service signs with', () => {
  const fileOf = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };

  it.each([
    ['P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'ES256'],
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey, 'ES384'],
    ['Ed25519', () => generateKeyPairSync('ed25519').privateKey, 'EdDSA'],
    ['RSA', () => generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey, 'RS256'],
  ])('may be of %s, as JWK and as PEM alike', async (name, make, alg) => {
    const privateKey = make();
    const asJwk = await readSigningKey(
      await fileOf(`${name}.jwk`, JSON.stringify(await exportJWK(privateKey))),
    );
    const asPem = await readSigningKey(
      await fileOf(`${name}.pem`, String(privateKey.export({ format: 'pem', type: 'pkcs8' }))),
    );
    expect(asJwk.kid).toBe(asPem.kid);
    expect(asJwk.publicJwk).toMatchObject({ alg, kid: asPem.kid, use: 'sig' });
    expect(Object.keys(asJwk.publicJwk)).not.toContain('d');
    // Whichever copy of the service signs, any other verifies.
    const mine = { issuer: 'https://clearance.example.com', audience: 'clearance' };
    const trusted = [onlyIssuer('clearance-development', 'clearance')];
    const { principal, ...more } = await world.service.read.identity.verify(await sign(own, good, typed));
    const token = await ownTokens({ ...mine, key: asJwk }, undefined).issue('id', {
      principal,
      ...more,
      inherited: { ofToken: [], ofSession: [] },
    });
    const other = jwtIdentity([], undefined, ownVerifier({ ...mine, key: asPem }, trusted));
    await expect(other.verify(token)).resolves.toMatchObject({ principal, exchanged: true });
  });

  it.each<[string, () => Promise<string>]>([
    ['nothing', async () => ''],
    ['no key', async () => '{"kty":"oct","k":"c2VjcmV0"}'],
    ['a public key', async () => JSON.stringify((await signingKey('x')).jwk)],
    [
      'a short RSA key',
      async () =>
        String(
          generateKeyPairSync('rsa', { modulusLength: 1_024 }).privateKey.export({
            format: 'pem',
            type: 'pkcs8',
          }),
        ),
    ],
    [
      'a key for something else',
      async () => String(generateKeyPairSync('x25519').privateKey.export({ format: 'pem', type: 'pkcs8' })),
    ],
  ])('is refused at start where the file holds %s, and nothing of it is told', async (_, text) => {
    const content = await text();
    const error: unknown = await readSigningKey(await fileOf('wrong', content)).catch(
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ name: 'StartupError', message: expect.stringContaining('no private key') });
    expect(error).not.toHaveProperty('cause');
  });

  it('has to be there, and the service to know its own address', async () => {
    await expect(readSigningKey(join(folder, 'nowhere'))).rejects.toMatchObject({ name: 'StartupError' });
    expect(() => readConfig({ TOKEN_SIGNING_KEY: 'key.pem' })).toThrow(/set PUBLIC_URL/);
  });

  const production = (more: Record<string, string>) =>
    readConfig({
      CLEARANCE_MODE: 'production',
      DATABASE_URL: 'postgres://localhost/x',
      OPENFGA_API_URL: 'http://localhost',
      OPENFGA_API_TOKEN: 'x',
      PUBLIC_URL: 'https://clearance.example.com',
      OIDC_ISSUER: 'https://login.example.com',
      AUDIT_SIGNING_KEY: 'audit-key.pem',
      ...more,
    });
  const used = { use: async () => true };

  it('is never made by itself in production', async () => {
    expect(await chooseTokens(production({}), used)).not.toHaveProperty('own');
    const path = await fileOf(
      'mine.jwk',
      JSON.stringify(await exportJWK((await signingKey('x')).privateKey)),
    );
    const { own: signs } = await chooseTokens(production({ TOKEN_SIGNING_KEY: path }), used);
    expect(signs?.publicKeys.keys).toHaveLength(1);
  });

  it('speaks as nobody whose tokens are taken', async () => {
    const path = await fileOf(
      'mine.jwk',
      JSON.stringify(await exportJWK((await signingKey('x')).privateKey)),
    );
    for (const OIDC_ISSUER of ['https://clearance.example.com', 'https://clearance.example.com/']) {
      const config = production({ TOKEN_SIGNING_KEY: path, OIDC_ISSUER });
      await expect(chooseTokens(config, used)).rejects.toThrow(/is an issuer whose tokens are taken/);
    }
  });

  it('is not asked of an issuer', async () => {
    const server = await startIssuer();
    server.discovers();
    const { identity } = await chooseTokens(
      readConfig({
        OIDC_ISSUER: server.url,
        CLEARANCE_DATA_DIR: join(folder, 'data'),
        PUBLIC_URL: 'https://clearance.example.com',
      }),
      used,
    );
    const token = await sign(await signingKey('x'), { ...good, iss: 'https://clearance.example.com' }, typed);
    await expect(identity.verify(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    expect(server.requests).toEqual([]);
    await server.stop();
  });
});

describe('a token that names who may act for its subject', () => {
  const given = async (may_act: unknown) => {
    const claims = { ...decodeJwt(await world.service.token('anne')), may_act };
    const subject_token = await sign(issuer, claims, typed);
    // It says nothing of who asks with the token itself.
    expect(await world.finds(subject_token)).toHaveLength(4);
    return world.exchange({ subject_token, actor_token: await world.agent('a') });
  };

  it('is exchanged for that agent', async () => {
    expect(await given({ sub: 'a' })).toMatchObject({ status: 200 });
    expect(await given({ sub: 'a', iss: 'clearance-development' })).toMatchObject({ status: 200 });
  });

  it.each([{ sub: 'b' }, { sub: 'a', iss: 'https://x' }, { email: 'a@example.com' }, 'a', null])(
    'is exchanged for no other: %j',
    async (may_act) => {
      expect(await given(may_act)).toMatchObject({
        status: 400,
        body: { error: 'invalid_request', error_description: expect.stringContaining('may_act') },
      });
    },
  );
});
