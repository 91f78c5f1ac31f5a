import { createHmac } from 'node:crypto';
import { createLocalJWKSet } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { onlyIssuer } from '../../src/adapters/jwt/trusted-issuer.ts';
import { jwtIdentity } from '../../src/adapters/jwt/verify.ts';
import type { Identity } from '../../src/ports/identity.ts';
import { tokenHash } from '../../src/types/revocation.ts';
import { serveHttp } from '../support/http.ts';
import { openTestService } from '../support/service.ts';
import { assemble, type SigningKey, sign, signingKey, signRaw, startIssuer } from './issuer.ts';

const ISSUER = 'https://login.example.com/';
const now = () => Math.floor(Date.now() / 1_000);
const good = () => ({ iss: ISSUER, aud: 'clearance', sub: 'anne', scope: 'retrieve', exp: now() + 60 });
const rfc9068 = () => ({ ...good(), client_id: 'app', iat: now(), jti: 'unique' });
const trusted = onlyIssuer(ISSUER, 'clearance');
/** RFC 8693, section 4.1: the agent that asks is outermost. */
const acting = (...agents: readonly string[]) =>
  agents.reduceRight<object | undefined>((act, sub) => ({ sub, ...(act && { act }) }), undefined);
const without = (claim: string) =>
  Object.fromEntries(Object.entries(good()).filter(([name]) => name !== claim));

let key: SigningKey;
let stranger: SigningKey;
let identity: Identity;

beforeAll(async () => {
  key = await signingKey('key-1');
  stranger = await signingKey('key-1');
  const rsa = await signingKey('key-rsa', 'RS256');
  identity = jwtIdentity([{ trusted, key: createLocalJWKSet({ keys: [key.jwk, rsa.jwk] }) }]);
});

/** Every token that was refused. */
const attacks = new Set<string>();

/** The message that a token is refused with, which never quotes it. */
async function refusalOf(token: string): Promise<string> {
  attacks.add(token);
  const error: unknown = await identity.verify(token).then(
    () => expect.unreachable('the token was taken'),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: 'ClearanceError', code: 'unauthenticated', status: 401 });
  const { message } = error as Error;
  const parts = token.split('.');
  expect(parts.filter((part) => part.length > 8 && message.includes(part))).toEqual([]);
  return message;
}

describe('a good token', () => {
  it('says who is asking', async () => {
    const token = await sign(key, good());
    await expect(identity.verify(token)).resolves.toEqual({
      principal: { tenant: 'default', issuer: ISSUER, subject: 'user:anne', chain: [] },
      token: { issuer: ISSUER, hash: tokenHash(token), login: 'anne' },
      scopes: new Set(['retrieve']),
      expiresAt: expect.any(Date),
    });
  });

  it.each(['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'])('is taken under %s', async (alg) => {
    const other = await signingKey('other', alg);
    const takes = jwtIdentity([{ trusted, key: createLocalJWKSet({ keys: [other.jwk] }) }]);
    const token = await sign(other, { ...rfc9068(), aud: ['someone-else', 'clearance'] }, { typ: 'at+JWT' });
    await expect(takes.verify(token)).resolves.toMatchObject({ principal: { subject: 'user:anne' } });
  });

  it('may be a few seconds off the clock', async () => {
    const token = await sign(key, { ...good(), exp: now() - 2, nbf: now() + 2 });
    await expect(identity.verify(token)).resolves.toBeDefined();
  });
});

describe('the signature', () => {
  it.each(['none', 'None', 'NONE', undefined, 7])('alg %j is unsigned', async (alg) => {
    expect(await refusalOf(assemble({ alg, kid: 'key-1' }, good()))).toMatch(/unsigned/);
  });

  it('is taken from a header as it should be', async () => {
    const token = signRaw(key, { alg: 'ES256', kid: 'key-1' }, good());
    await expect(identity.verify(token)).resolves.toBeDefined();
  });

  // All with a good signature of the issuer's own key, where nothing else is said.
  it.each<[string, () => string, RegExp]>([
    [
      'alg in small letters',
      () => signRaw(key, { alg: 'es256', kid: 'key-1' }, good()),
      /not signed with one/,
    ],
    ['two algs', () => signRaw(key, { alg: ['ES256'], kid: 'key-1' }, good()), /unsigned/],
    ['alg ES256K', () => signRaw(key, { alg: 'ES256K', kid: 'key-1' }, good()), /not signed with one/],
    ['the alg of another curve', () => signRaw(key, { alg: 'ES384', kid: 'key-1' }, good()), /not publish/],
    [
      'an alg of encryption',
      () => signRaw(key, { alg: 'RSA-OAEP', kid: 'key-1' }, good()),
      /not signed with/,
    ],
    ['a kid that is a list', () => signRaw(key, { alg: 'ES256', kid: ['key-1'] }, good()), /"kid"/],
    ['an empty kid', () => signRaw(key, { alg: 'ES256', kid: '' }, good()), /"kid"/],
    ['a kid that is a path', () => signRaw(key, { alg: 'ES256', kid: '../../dev/null' }, good()), /publish/],
    ['a kid that is SQL', () => signRaw(key, { alg: 'ES256', kid: "' OR 1=1 --" }, good()), /not publish/],
    ['a kid with a NUL', () => signRaw(key, { alg: 'ES256', kid: 'key-1\0' }, good()), /not publish/],
    ['a kid in capitals', () => signRaw(key, { alg: 'ES256', kid: 'KEY-1' }, good()), /not publish/],
    ['__proto__ as kid', () => signRaw(key, { alg: 'ES256', kid: '__proto__' }, good()), /not publish/],
    [
      'a payload that is not encoded',
      () => signRaw(key, { alg: 'ES256', kid: 'key-1', b64: false, crit: ['b64'] }, good()),
      /"crit"/,
    ],
    ['an empty crit', () => signRaw(key, { alg: 'ES256', kid: 'key-1', crit: [] }, good()), /"crit"/],
    [
      'claims that are a list',
      () => signRaw(key, { alg: 'ES256', kid: 'key-1' }, [good()]),
      /not a signed JWT/,
    ],
    ['claims that are null', () => signRaw(key, { alg: 'ES256', kid: 'key-1' }, null), /not a signed JWT/],
    ['a header that is a list', () => signRaw(key, ['ES256'], good()), /not a signed JWT/],
    [
      'a signature of nothing but zeros',
      () => assemble({ alg: 'ES256', kid: 'key-1' }, good(), Buffer.alloc(64).toString('base64url')),
      /signature is wrong/,
    ],
    [
      'a signature cut short',
      () => signRaw(key, { alg: 'ES256', kid: 'key-1' }, good()).slice(0, -20),
      /signature is wrong/,
    ],
    [
      'a certificate of the attacker',
      () => signRaw(stranger, { alg: 'ES256', kid: 'key-1', x5c: ['MIIB'], x5t: 'x' }, good()),
      /signature is wrong/,
    ],
  ])('with %s', async (_, token, because) => {
    expect(await refusalOf(token())).toMatch(because);
  });

  it('HS256 keyed with the public key, as PEM and as JWK', async () => {
    for (const secret of [key.pem, JSON.stringify(key.jwk)]) {
      const unsigned = assemble({ alg: 'HS256', kid: 'key-1' }, good());
      const mac = createHmac('sha256', secret).update(unsigned.slice(0, -1)).digest('base64url');
      expect(await refusalOf(unsigned + mac)).toMatch(/not signed with one of RS256/);
    }
  });

  it('by a key of the same name that is not the issuer’s', async () => {
    expect(await refusalOf(await sign(stranger, good()))).toMatch(/signature is wrong/);
  });

  it('of other claims', async () => {
    const [header, , signature] = (await sign(key, good())).split('.');
    const [, claims] = (await sign(key, { ...good(), sub: 'root' })).split('.');
    expect(await refusalOf(`${header}.${claims}.${signature}`)).toMatch(/signature is wrong/);
  });

  it('without a kid, or with an unknown one', async () => {
    expect(await refusalOf(await sign(key, good(), { kid: undefined }))).toMatch(/"kid"/);
    expect(await refusalOf(await sign(key, good(), { kid: 'key-2' }))).toMatch(/does not publish/);
  });

  it('under the algorithm of another key of the issuer', async () => {
    expect(await refusalOf(await sign(key, good(), { kid: 'key-rsa' }))).toMatch(/does not publish/);
  });

  it('with the key that made it in its header', async () => {
    const attacker = await startIssuer();
    attacker.publishes(stranger);
    const header = { jwk: stranger.jwk, jku: `${attacker.url}/keys`, x5u: `${attacker.url}/keys` };
    expect(await refusalOf(await sign(stranger, good(), header))).toMatch(/signature is wrong/);
    expect(await refusalOf(await sign(stranger, good(), { ...header, kid: 'key-2' }))).toMatch(
      /does not publish/,
    );
    expect(attacker.requests).toEqual([]);
    await attacker.stop();
  });

  it('with critical extensions', async () => {
    expect(await refusalOf(await sign(key, good(), { crit: ['odd'], odd: 1 }))).toMatch(/"crit"/);
  });

  it('of something that is no access token', async () => {
    for (const typ of ['logout+jwt', 'secevent+jwt', 'dpop+jwt', 'jwe', 7, null]) {
      expect(await refusalOf(await sign(key, good(), { typ }))).toMatch(/not an access token/);
    }
  });

  it.each(['client_id', 'iat', 'jti', 'sub'])(
    'of an access token by its type, without its %s',
    async (claim) => {
      const claims = Object.fromEntries(Object.entries(rfc9068()).filter(([name]) => name !== claim));
      expect(await refusalOf(await sign(key, claims, { typ: 'at+jwt' }))).toMatch(`no claim "${claim}"`);
    },
  );
});

describe('the claims', () => {
  it.each([
    [
      'another issuer',
      () => ({ ...good(), iss: 'https://evil.example.com/' }),
      /another issuer.*login\.example/,
    ],
    ['an issuer without the slash', () => ({ ...good(), iss: ISSUER.slice(0, -1) }), /another issuer/],
    ['no issuer', () => without('iss'), /another issuer/],
    ['another audience', () => ({ ...good(), aud: 'billing' }), /another audience.*expected clearance/],
    ['an audience that begins alike', () => ({ ...good(), aud: 'clearance.evil' }), /another audience/],
    ['several other audiences', () => ({ ...good(), aud: ['billing', 'Clearance'] }), /another audience/],
    ['an audience that is no text', () => ({ ...good(), aud: { clearance: true } }), /another audience/],
    ['several issuers', () => ({ ...good(), iss: [ISSUER] }), /another issuer/],
    ['an issuer in capitals', () => ({ ...good(), iss: ISSUER.toUpperCase() }), /another issuer/],
    ['an expiry in text', () => ({ ...good(), exp: String(now() + 60) }), /"exp" is not usable/],
    ['an expiry before all time', () => ({ ...good(), exp: -1 }), /expired/],
    ['no audience', () => without('aud'), /no claim "aud"/],
    ['expired', () => ({ ...good(), exp: now() - 6 }), /expired/],
    ['not yet valid', () => ({ ...good(), nbf: now() + 3_600 }), /not valid yet/],
    ['no expiry', () => without('exp'), /no claim "exp"/],
    ['an expiry that is no number', () => ({ ...good(), exp: 'never' }), /"exp" is not usable/],
    ['no subject', () => without('sub'), /"sub" is not usable/],
    ['an empty subject', () => ({ ...good(), sub: '' }), /"sub" is not usable/],
    ['a subject that is no string', () => ({ ...good(), sub: ['anne'] }), /"sub" is not usable/],
    ['a long subject', () => ({ ...good(), sub: 'a'.repeat(201) }), /"sub" is not usable/],
    ['a subject too long for the engine', () => ({ ...good(), sub: '中'.repeat(100) }), /512 bytes/],
    ['a subject of half a character', () => ({ ...good(), sub: 'a\ud800' }), /not text/],
    ['an agent without a name', () => ({ ...good(), act: {} }), /"act\.sub" is not usable/],
    ['an agent that is no object', () => ({ ...good(), act: 'support-bot' }), /"act" is not usable/],
    ['an agent that is null', () => ({ ...good(), act: null }), /"act" is not usable/],
    ['agents that are a list', () => ({ ...good(), act: [{ sub: 'a' }] }), /"act" is not usable/],
    ['another issuer’s agent', () => ({ ...good(), act: { sub: 'a', iss: 'https://x' } }), /another issuer/],
    [
      'another issuer’s agent within',
      () => ({ ...good(), act: { sub: 'a', act: { sub: 'b', iss: 'https://x' } } }),
      /another issuer/,
    ],
    [
      'an agent within that has no name',
      () => ({ ...good(), act: { sub: 'a', act: {} } }),
      /"act\.act\.sub" is not usable/,
    ],
    [
      'an agent within that is null',
      () => ({ ...good(), act: { sub: 'a', act: null } }),
      /"act\.act" is not usable/,
    ],
    [
      'an agent within that is text',
      () => ({ ...good(), act: { sub: 'a', act: 'b' } }),
      /"act\.act" is not usable/,
    ],
    [
      'agents within that are a list',
      () => ({ ...good(), act: { sub: 'a', act: [{ sub: 'b' }] } }),
      /"act\.act" is not usable/,
    ],
    [
      'a name of two within',
      () => ({ ...good(), act: { sub: 'a', act: { sub: ['b', 'c'] } } }),
      /"act\.act\.sub" is not usable/,
    ],
    ['five agents', () => ({ ...good(), act: acting('a', 'b', 'c', 'd', 'e') }), /more than 4 agents/],
    [
      'agents without end',
      () => ({ ...good(), act: acting(...Array.from({ length: 300 }, (_, i) => `${i}`)) }),
      /more than 4 agents/,
    ],
    [
      'an agent that acts for itself',
      () => ({ ...good(), client_id: 'anne', act: { sub: 'anne' } }),
      /acts for itself/,
    ],
    ['an agent that hands to itself', () => ({ ...good(), act: acting('a', 'a') }), /acts for itself/],
    ['agents in a circle', () => ({ ...good(), act: acting('a', 'b', 'a') }), /acts for itself/],
    [
      'an agent that acts for itself through another',
      () => ({ ...good(), client_id: 'anne', act: acting('b', 'anne') }),
      /acts for itself/,
    ],
    ["the administrators' source", () => ({ ...good(), scope: 'ingest', source: 'admin' }), /admin/],
    ['ingest without source', () => ({ ...good(), scope: 'retrieve ingest' }), /"source"/],
    ['a source with a line break', () => ({ ...good(), source: 'hr\nit' }), /"source" is not usable/],
    ['an ID token, by its nonce', () => ({ ...good(), nonce: 'n' }), /not an access token.*"nonce"/],
    ['an ID token, by its hash', () => ({ ...good(), at_hash: 'h' }), /not an access token.*"at_hash"/],
    ['an ID token of Keycloak', () => ({ ...good(), typ: 'ID' }), /not an access token.*"typ"/],
    ['a refresh token of Keycloak', () => ({ ...good(), typ: 'Refresh' }), /not an access token.*"typ"/],
    ['an ID token of Cognito', () => ({ ...good(), token_use: 'id' }), /not an access token.*"token_use"/],
    ['a logout token', () => ({ ...good(), events: {} }), /not an access token.*"events"/],
    ['one issued in the future', () => ({ ...good(), iat: now() + 3_600 }), /in the future/],
    ['a time of issue that is no number', () => ({ ...good(), iat: 'now' }), /"iat" is not usable/],
    ['a client that is no text', () => ({ ...good(), client_id: 7 }), /"client_id" is not usable/],
    ['one bound to a key', () => ({ ...good(), cnf: { jkt: 'x'.repeat(43) } }), /bound to a key: send it as/],
    ['one bound to a certificate', () => ({ ...good(), cnf: { 'x5t#S256': 'x' } }), /other means than DPoP/],
    ['one bound to nothing', () => ({ ...good(), cnf: {} }), /other means than DPoP/],
    ['one bound to null', () => ({ ...good(), cnf: null }), /other means than DPoP/],
    ['a tenant with capitals', () => ({ ...good(), tenant: 'Acme' }), /"tenant" is not usable/],
    ['a tenant that is a path', () => ({ ...good(), tenant: '../acme' }), /"tenant" is not usable/],
  ])('%s', async (_, claims, because) => {
    expect(await refusalOf(await sign(key, claims()))).toMatch(because);
  });

  it('name agents one within the other, the one that asks outermost', async () => {
    const token = await sign(key, { ...good(), act: acting('d', 'c', 'b', 'a') });
    const { principal } = await identity.verify(token);
    expect(principal.chain).toEqual(['agent:d', 'agent:c', 'agent:b', 'agent:a']);
  });

  it('say nothing by what only tokens of the service itself say', async () => {
    const claims = { ...good(), sub: 'user:root', subject_issuer: 'https://x', exchanged: true };
    const { principal, exchanged } = await identity.verify(await sign(key, claims));
    expect(principal).toMatchObject({ issuer: ISSUER, subject: 'user:user%3Aroot' });
    expect(exchanged).toBeUndefined();
  });

  it('name the agent, the source and the tenant', async () => {
    const claims = {
      ...good(),
      act: { sub: 'bot', iss: ISSUER },
      scope: 'openid ingest',
      source: 'hr',
      tenant: 'acme',
    };
    await expect(identity.verify(await sign(key, claims))).resolves.toMatchObject({
      principal: { tenant: 'acme', issuer: ISSUER, subject: 'user:anne', chain: ['agent:bot'] },
      scopes: new Set(['ingest']),
      expiresAt: expect.any(Date),
      source: 'hr',
    });
  });

  it('grant nothing without a scope, and let an admin ingest without a source', async () => {
    await expect(identity.verify(await sign(key, without('scope')))).resolves.toMatchObject({
      scopes: new Set(),
    });
    const admin = await sign(key, { ...good(), scope: 'ingest admin' });
    await expect(identity.verify(admin)).resolves.toMatchObject({ scopes: new Set(['ingest', 'admin']) });
  });

  it('can’t name everyone, a userset or another type', async () => {
    const subjects = {
      '*': 'user:%2A',
      'group:eng#member': 'user:group%3Aeng%23member',
      'anne b': 'user:anne%20b',
    };
    for (const [sub, subject] of Object.entries(subjects)) {
      const { principal } = await identity.verify(await sign(key, { ...good(), sub, act: { sub } }));
      expect(principal.subject).toBe(subject);
      expect(principal.chain).toEqual([subject.replace('user:', 'agent:')]);
    }
  });
});

describe('what is no token', () => {
  it.each(['', 'garbage', 'a.b', 'a.b.c', '...', 'a.b.c.d.e', 'bnVsbA.bnVsbA.x', '\u0000', '💥.💥.💥'])(
    '%j',
    async (text) => {
      expect(await refusalOf(text)).toMatch(/not a signed JWT/);
    },
  );

  it('a huge one, though its signature is good', async () => {
    const token = await sign(key, { ...good(), padding: 'x'.repeat(6_200) });
    expect(token.length).toBeGreaterThan(8_192);
    expect(await refusalOf(token)).toMatch(/longer than 8192/);
    expect(await refusalOf('x'.repeat(10_000_000))).toMatch(/longer than 8192/);
  });
});

describe('all of them over HTTP', () => {
  it('are answered 401, alike but for what they are told', async () => {
    const service = await openTestService();
    const http = await serveHttp({ ...service, read: { ...service.read, identity } });
    // What can be sent in a header at all: text of ASCII, and no more than Node reads.
    const sent = [...attacks].filter((token) => /^[!-~]{1,15000}$/.test(token));
    expect(sent.length).toBeGreaterThanOrEqual(100);
    const times: number[] = [];
    for (const token of sent) {
      const begin = performance.now();
      const { status, body, headers } = await http.send('POST', '/v1/retrieve', {
        token,
        json: { query: 'x' },
      });
      times.push(performance.now() - begin);
      expect({ status, code: body.code }).toEqual({ status: 401, code: 'unauthenticated' });
      expect(Object.keys(headers).toSorted()).toEqual(
        ['connection', 'content-length', 'content-type', 'www-authenticate'].toSorted(),
      );
    }
    console.log(`${sent.length} attacks, the slowest answered in ${Math.max(...times).toFixed(1)} ms`);
    await http.close();
    await service.close();
  });
});
