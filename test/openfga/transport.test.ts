import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { tokenEndpoint } from '../../src/adapters/openfga/access-token.ts';
import { openFgaClient } from '../../src/adapters/openfga/client.ts';
import { transport } from '../../src/adapters/openfga/transport.ts';
import { ClearanceError } from '../../src/types/errors.ts';
import { newAuthority } from '../support/fault-proxy/certificates.ts';
import { breaksOff, type Endpoint, gives, isSilent, startEndpoint } from './endpoint.ts';

const STORE = '01ARZ3NDEKTSV4RRFFQ69G5FAV';
const SECRET = 'the-preshared-key';
const noTuples = gives({ tuples: [], continuation_token: '' });

function clientOf({ url }: Pick<Endpoint, 'url'>) {
  return openFgaClient({ apiUrl: url, credentials: { kind: 'token', token: SECRET } });
}

/** What a call throws: always `engine_unavailable`, and its message. */
async function failureOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => 'it did not fail',
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ClearanceError);
  expect(error).toMatchObject({ code: 'engine_unavailable' });
  return error instanceof Error ? error.message : '';
}

describe('every failure is engine_unavailable and says no more than it may', () => {
  const faults: readonly [string, Endpoint['answer'], RegExp][] = [
    ['500', gives({ code: 'internal_error', message: 'user:anne' }, 500), /answered 500 \(internal_error\)/],
    ['503 in HTML', gives('<html>user:anne</html>', 503), /answered 503\.$/],
    ['401', gives({ code: 'bearer_token_missing' }, 401), /answered 401 .*key or token is wrong/],
    ['429 with a Retry-After of half an hour', gives({}, 429, { 'retry-after': '1800' }), /answered 429/],
    ['503 with a Retry-After', gives({}, 503, { 'retry-after': '1800' }), /answered 503/],
    [
      'a model that is gone',
      gives({ code: 'authorization_model_not_found' }, 400),
      /authorization_model_not_found/,
    ],
    ['a redirect', gives('', 307, { location: 'http://127.0.0.1:1/' }), /answered 307/],
    ['half a JSON document', gives('{"tuples":[{"key":'), /not what it should be/],
    ['no JSON', gives('null'), /not what it should be/],
    ['other JSON', gives({ tuples: 'user:anne' }), /not what it should be/],
    [
      'a page that leads to itself',
      gives({ tuples: [tupleOf('a')], continuation_token: 'x' }),
      /in a circle/,
    ],
    ['a body that breaks off', breaksOff('reset'), /not reached, or its answer breaks off/],
    ['no answer', (response) => response.socket?.resetAndDestroy(), /not reached/],
  ];
  for (const [name, answer, message] of faults) {
    it(`${name}: said, and no more`, async () => {
      await using endpoint = await startEndpoint(answer);
      const work = clientOf(endpoint).read(STORE, { object: 'document:secret' });
      expect(await failureOf(work)).toMatch(message);
      const error: unknown = await work.catch((thrown: unknown) => thrown);
      const everything = inspect(error, { depth: 20, showHidden: true });
      for (const secret of [SECRET, 'document:secret', 'user:anne']) expect(everything).not.toContain(secret);
    });
  }

  it('nobody listens', async () => {
    const endpoint = await startEndpoint(noTuples);
    await endpoint[Symbol.asyncDispose]();
    expect(await failureOf(clientOf(endpoint).read(STORE, {}))).toMatch(/not reached/);
  });

  it("without this, the SDK's own error would show the key and the question", async () => {
    await using endpoint = await startEndpoint(gives({}, 500));
    const caught: unknown[] = [];
    const work = transport({ apiUrl: endpoint.url, credentials: { kind: 'token', token: SECRET } }).text(
      (api, options) =>
        api.read(STORE, { tuple_key: { object: 'document:secret' } }, options).catch((error: unknown) => {
          caught.push(error);
          throw error;
        }),
    );
    await failureOf(work);
    expect(inspect(caught, { depth: 20, showHidden: true })).toContain('document:secret');
  });
});

function tupleOf(id: string) {
  return { key: { user: `user:${id}`, relation: 'viewer', object: 'document:1', condition: null } };
}

describe('nothing waits longer than its deadline', () => {
  for (const [name, answer] of [
    ['before the answer', isSilent],
    ['in the middle of it', breaksOff('silent')],
  ] as const) {
    it.concurrent(`silence ${name}: our own deadline`, async () => {
      await using endpoint = await startEndpoint(answer);
      expect(await failureOf(clientOf(endpoint).read(STORE, {}))).toContain('no answer within 5000 ms');
    });

    it.concurrent(`silence ${name}: the caller's signal`, async () => {
      await using endpoint = await startEndpoint(answer);
      const work = clientOf(endpoint).read(STORE, {}, AbortSignal.timeout(100));
      expect(await failureOf(work)).toContain('the caller gave it up');
      // The connection is given up too.
      expect(await failureOf(clientOf(endpoint).read(STORE, {}, AbortSignal.abort()))).toContain(
        'gave it up',
      );
    });
  }

  it.concurrent('and the next call works as soon as the server does', async () => {
    await using endpoint = await startEndpoint(isSilent);
    const client = clientOf(endpoint);
    await failureOf(client.read(STORE, {}, AbortSignal.timeout(50)));
    endpoint.answer = noTuples;
    expect(await client.read(STORE, {})).toEqual([]);
  });
});

describe('credentials', () => {
  it('a preshared key goes along', async () => {
    await using endpoint = await startEndpoint(noTuples);
    await clientOf(endpoint).read(STORE, {});
    await openFgaClient({ apiUrl: `${endpoint.url}/` }).read(STORE, {});
    expect(endpoint.asked.map(({ authorization }) => authorization)).toEqual([`Bearer ${SECRET}`, undefined]);
    expect(endpoint.asked[1]?.path).toBe(`/stores/${STORE}/read`);
  });

  const credentialsAt = (tokenIssuer: string) => ({
    kind: 'client' as const,
    clientId: 'clearance',
    clientSecret: 'client-secret',
    tokenIssuer,
    audience: 'https://fga.example',
  });
  const issues = (token: string, expiresIn = 3_600): Endpoint['answer'] =>
    gives({ access_token: token, expires_in: expiresIn });

  it('a token by client credentials is fetched once, and anew when it is refused or old', async () => {
    await using issuer = await startEndpoint(issues('one'));
    await using endpoint = await startEndpoint(noTuples);
    const client = openFgaClient({ apiUrl: endpoint.url, credentials: credentialsAt(issuer.url) });
    await Promise.all([client.read(STORE, {}), client.read(STORE, {})]);
    expect(issuer.asked).toHaveLength(1);
    expect(issuer.asked[0]).toMatchObject({ path: '/oauth/token' });
    expect(Object.fromEntries(new URLSearchParams(issuer.asked[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'clearance',
      client_secret: 'client-secret',
      audience: 'https://fga.example',
    });

    issuer.answer = issues('two', 0.001);
    endpoint.answer = gives({}, 401);
    await failureOf(client.read(STORE, {}));
    endpoint.answer = noTuples;
    await client.read(STORE, {});
    issuer.answer = issues('three');
    await expect
      .poll(() => client.read(STORE, {}).then(() => endpoint.asked.at(-1)?.authorization))
      .toBe('Bearer three');
    expect(endpoint.asked.map(({ authorization }) => authorization)).toContain('Bearer two');
  });

  it('an issuer that fails is a failure, also a silent one, and holds nobody up once it is back', async () => {
    await using issuer = await startEndpoint(gives({ error: 'user:anne' }, 500, { 'retry-after': '1800' }));
    await using endpoint = await startEndpoint(noTuples);
    const client = openFgaClient({ apiUrl: endpoint.url, credentials: credentialsAt(issuer.url) });
    expect(await failureOf(client.read(STORE, {}))).toContain('token issuer answered 500');
    issuer.answer = gives({ token_type: 'Bearer' });
    expect(await failureOf(client.read(STORE, {}))).toContain('holds no token');
    issuer.answer = isSilent;
    // One asks with a deadline of its own, one waits for the same token until its time is over.
    const [hurried, patient] = await Promise.all([
      failureOf(client.read(STORE, {}, AbortSignal.timeout(50))),
      failureOf(client.read(STORE, {})),
    ]);
    expect(hurried).toContain('the caller gave it up');
    expect(patient).toContain('its token issuer gives no token');
    issuer.answer = issues('one');
    expect(await client.read(STORE, {})).toEqual([]);
    expect(endpoint.asked).toHaveLength(1);
  });

  it('the issuer may be a host, or the whole address', () => {
    expect(tokenEndpoint('issuer.example')).toBe('https://issuer.example/oauth/token');
    expect(tokenEndpoint('http://issuer.example:8080/')).toBe('http://issuer.example:8080/oauth/token');
    expect(tokenEndpoint('https://issuer.example/v2/token')).toBe('https://issuer.example/v2/token');
  });
});

describe('TLS', () => {
  it('a certificate that nobody vouches for is a failure, and the key is not told', async () => {
    await using endpoint = await startEndpoint(noTuples, newAuthority().issue('127.0.0.1'));
    expect(await failureOf(clientOf(endpoint).read(STORE, {}))).toContain('certificate is not accepted');
    expect(endpoint.asked).toEqual([]);
  });
});

describe('answers', () => {
  it('every page is read, also after a short one', async () => {
    const page = z.object({ continuation_token: z.string() });
    const pages = ['a', 'b', 'c'];
    await using endpoint = await startEndpoint((response, { body }) => {
      const { continuation_token: token } = page.parse(JSON.parse(body));
      const at = token === '' ? 0 : Number(token);
      const next = at + 1 < pages.length ? String(at + 1) : '';
      gives({ tuples: [tupleOf(pages[at] ?? '')], continuation_token: next })(response);
    });
    expect((await clientOf(endpoint).read(STORE, {})).map(({ user }) => user)).toEqual([
      'user:a',
      'user:b',
      'user:c',
    ]);
  });
});
