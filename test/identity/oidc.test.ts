import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { oidcIdentity } from '../../src/adapters/jwt/oidc.ts';
import { onlyIssuer } from '../../src/adapters/jwt/trusted-issuer.ts';
import { StartupError } from '../../src/types/errors.ts';
import { type SigningKey, sign, signingKey, startIssuer } from './issuer.ts';

let issuer: Awaited<ReturnType<typeof startIssuer>>;
let key: SigningKey;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  issuer = await startIssuer();
  key = await signingKey('first');
  issuer.discovers();
  issuer.publishes(key);
});

afterEach(async () => {
  vi.useRealTimers();
  await issuer.stop();
});

const start = () => oidcIdentity([onlyIssuer(issuer.url, 'clearance')]);

/** After it could not be read, an issuer is left alone for 5 s. */
const laterOn = () => vi.setSystemTime(Date.now() + 6_000);

async function tokenOf(signer: SigningKey): Promise<string> {
  const exp = Math.floor(Date.now() / 1_000) + 600;
  return await sign(signer, { iss: issuer.url, aud: 'clearance', sub: 'anne', exp });
}

const unreadable = {
  code: 'identity_unavailable',
  message: expect.stringContaining("can't be read at the moment"),
};

describe('an OIDC issuer', () => {
  it('is discovered once, by however many tokens come first', async () => {
    const identity = start();
    const token = await tokenOf(key);
    const all = await Promise.all(Array.from({ length: 20 }, () => identity.verify(token)));
    expect(all).toHaveLength(20);
    expect(all[0]?.principal).toEqual({
      tenant: 'default',
      issuer: issuer.url,
      subject: 'user:anne',
      chain: [],
    });
    await identity.verify(token);
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('is not asked at all about a token of another issuer, or none', async () => {
    const identity = start();
    const other = await sign(key, {
      iss: 'https://evil.example.com',
      aud: 'clearance',
      sub: 'anne',
      exp: 9e9,
    });
    for (const token of [other, 'garbage', 'x'.repeat(10_000)]) {
      await expect(identity.verify(token)).rejects.toMatchObject({ code: 'unauthenticated' });
    }
    expect(issuer.requests).toEqual([]);
  });

  it('may rotate its keys, and is not flooded by tokens of unknown ones', async () => {
    const identity = start();
    const old = await tokenOf(key);
    await identity.verify(old);

    const next = await signingKey('second');
    issuer.publishes(next);
    const fresh = await tokenOf(next);
    for (let attempt = 0; attempt < 10; attempt += 1) {
      await expect(identity.verify(fresh)).rejects.toMatchObject({
        message: expect.stringContaining('does not publish'),
      });
    }
    expect(issuer.requests).toHaveLength(2);

    vi.setSystemTime(Date.now() + 31_000);
    await expect(identity.verify(fresh)).resolves.toMatchObject({ principal: { subject: 'user:anne' } });
    await expect(identity.verify(old)).rejects.toMatchObject({
      message: expect.stringContaining('does not publish'),
    });
    expect(issuer.requests).toHaveLength(3);
  });

  it('lets no one in while its keys can’t be read, and everyone once they can', async () => {
    const identity = start();
    const token = await tokenOf(key);
    const mistakes = [
      { issuer: 'https://someone-else.example.com' },
      { issuer: `${issuer.url}/` },
      { jwks_uri: 'not a url' },
      // Reaches the same server, but by a name that is not this machine's own.
      { jwks_uri: `${issuer.url.replace('127.0.0.1', '0.0.0.0')}/keys` },
      { jwks_uri: `${issuer.url}/nowhere` },
    ];
    for (const mistake of mistakes) {
      issuer.discovers(mistake);
      await expect(identity.verify(token)).rejects.toMatchObject(unreadable);
      laterOn();
    }
    issuer.discovers();
    await expect(identity.verify(token)).resolves.toBeDefined();
  });

  it('that is down lets no one in', async () => {
    const identity = start();
    const token = await tokenOf(key);
    await issuer.stop();
    await expect(identity.verify(token)).rejects.toMatchObject(unreadable);
  });

  it('that is down is not asked again by each token that comes', async () => {
    const identity = start();
    const token = await tokenOf(key);
    issuer.discovers({ jwks_uri: `${issuer.url}/nowhere` });
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await expect(identity.verify(token)).rejects.toMatchObject(unreadable);
    }
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration', '/nowhere']);
    issuer.discovers();
    laterOn();
    await expect(identity.verify(token)).resolves.toBeDefined();
  });

  it.each([
    ['someone else', { issuer: 'https://someone-else.example.com' }],
    ['keys that anyone could swap', { jwks_uri: 'http://login.example.com/keys' }],
  ])('whose discovery names %s is not asked again by each token either', async (_, mistake) => {
    const identity = start();
    const token = await tokenOf(key);
    issuer.discovers(mistake);
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await expect(identity.verify(token)).rejects.toMatchObject(unreadable);
    }
    expect(issuer.requests).toEqual(['/.well-known/openid-configuration']);
  });

  it('may move its keys: they are found where it says, once the old ones are too old', async () => {
    const identity = start();
    await identity.verify(await tokenOf(key));
    issuer.discovers({ jwks_uri: `${issuer.url}/moved` });
    issuer.answers('/moved', { keys: [key.jwk] });
    issuer.withdraws('/keys');
    // A token of an unknown key does not take away the keys that are held.
    vi.setSystemTime(Date.now() + 31_000);
    const unknown = await signingKey('unknown');
    await expect(identity.verify(await tokenOf(unknown))).rejects.toMatchObject(unreadable);
    await expect(identity.verify(await tokenOf(key))).resolves.toBeDefined();
    vi.setSystemTime(Date.now() + 601_000);
    await expect(identity.verify(await tokenOf(key))).rejects.toMatchObject(unreadable);
    laterOn();
    await expect(identity.verify(await tokenOf(key))).resolves.toBeDefined();
    expect(issuer.requests.slice(-2)).toEqual(['/.well-known/openid-configuration', '/moved']);
  });

  it('is asked for its keys once in half a minute, however many unknown ones are named at once', async () => {
    const identity = start();
    await identity.verify(await tokenOf(key));
    const flood = async () => {
      const tokens = await Promise.all(
        Array.from({ length: 200 }, async (_, i) => tokenOf({ ...key, kid: `made-up-${i}` })),
      );
      const answers = await Promise.allSettled(tokens.map((token) => identity.verify(token)));
      expect(answers.filter(({ status }) => status === 'fulfilled')).toEqual([]);
    };
    const keysRead = () => issuer.requests.filter((path) => path === '/keys').length;
    for (const [seconds, reads] of [
      [0, 1],
      [20, 1],
      [11, 2],
      [20, 2],
      [11, 3],
    ] as const) {
      vi.setSystemTime(Date.now() + seconds * 1_000);
      await flood();
      expect(keysRead()).toBe(reads);
    }
  });

  it.each([
    ['more keys than anyone has', { keys: Array.from({ length: 101 }, () => ({ kty: 'EC' })) }],
    ['a flood', { keys: [], padding: 'x'.repeat(300_000) }],
    ['no keys', {}],
    ['keys that are none', { keys: [7] }],
  ])('that answers with %s lets no one in', async (_, answer) => {
    const identity = start();
    issuer.answers('/keys', answer);
    await expect(identity.verify(await tokenOf(key))).rejects.toMatchObject(unreadable);
  });

  it('whose keys are elsewhere by a redirect lets no one in', async () => {
    const identity = start();
    issuer.discovers({ jwks_uri: `${issuer.url}/moved` });
    issuer.redirects('/moved', '/keys');
    await expect(identity.verify(await tokenOf(key))).rejects.toMatchObject(unreadable);
  });

  it('that publishes a symmetric key gives nobody a way in', async () => {
    const identity = start();
    issuer.publishes({ ...key, jwk: { kty: 'oct', k: 'c2VjcmV0', kid: 'first', alg: 'HS256' } });
    await expect(identity.verify(await tokenOf(key))).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it.each(['http://login.example.com', 'login.example.com', 'ftp://x', '', 'http://localhost.evil.com'])(
    '%j is refused at start',
    (url) => {
      expect(() => oidcIdentity([onlyIssuer(url, 'clearance')])).toThrow(StartupError);
    },
  );
});
