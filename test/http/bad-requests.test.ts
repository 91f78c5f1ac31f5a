import { decodeJwt, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { developmentKeys } from '../../src/adapters/jwt/development-keys.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { aProblem, problemOf } from '../support/problem.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let tokens: Record<'anne' | 'ingest', string>;

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  tokens = {
    anne: await service.token('anne'),
    ingest: await service.token('loader', { scopes: ['ingest'], source: 'wiki' }),
  };
  await put(service.write, await writer(service), 'known', 'A known document.', ['user:anne']);
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const good = { title: 'T', text: 'Text.' };

describe('tokens', () => {
  const claims = async () => decodeJwt(await service.token('anne'));
  async function signed(
    change: Record<string, unknown>,
    header: Record<string, unknown> = {},
  ): Promise<string> {
    const { privateKey, kid } = await developmentKeys(service.config.dataDir);
    return new SignJWT({ ...(await claims()), ...change })
      .setProtectedHeader({ alg: 'ES256', kid, ...header })
      .sign(privateKey);
  }
  const now = () => Math.floor(Date.now() / 1_000);

  const rows: [name: string, token: () => Promise<string> | string, detail: RegExp][] = [
    ['an expired token', () => signed({ exp: now() - 60 }), /expired/],
    ['a token of the future', () => signed({ nbf: now() + 600 }), /not valid yet/],
    ['a token without an end', () => signed({ exp: undefined }), /exp/],
    ['an unsigned token', async () => new UnsecuredJWT(await claims()).encode(), /unsigned/],
    ['a token for another audience', () => signed({ aud: 'billing' }), /audience/],
    ['a token of another issuer', () => signed({ iss: 'https://elsewhere.example' }), /issuer/],
    ['a token with a changed claim', async () => changed(await service.token('bob')), /signature/],
    ['a token signed with another key', () => withOwnKey(), /signature|key/],
    [
      'a token with an algorithm of its own',
      async () => `${btoa('{"alg":"HS256","kid":"x"}')}.${btoa('{}')}.AAAA`,
      /signed/,
    ],
    ['a token without a subject', () => signed({ sub: undefined }), /sub/],
    ['a token whose subject is NUL', () => signed({ sub: '\u0000', scope: 7 }), /not usable/],
    ['no JWT', () => 'hello', /JWT/],
    ['a very long one', () => 'x'.repeat(9_000), /longer/],
  ];
  async function changed(token: string): Promise<string> {
    const [header, , signature] = token.split('.');
    const payload = Buffer.from(JSON.stringify(await claims())).toString('base64url');
    return [header, payload, signature].join('.');
  }
  async function withOwnKey(): Promise<string> {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const { kid } = await developmentKeys(service.config.dataDir);
    return new SignJWT(await claims())
      .setProtectedHeader({ alg: 'ES256', kid, jwk: await exportJWK(publicKey) })
      .sign(privateKey);
  }

  it.each(rows)('refuses %s', async (_, make, detail) => {
    const answer = await http.send('POST', '/v1/retrieve', { token: await make(), json: { query: 'known' } });
    expect(problemOf(answer)).toEqual(aProblem(401, 'unauthenticated', detail));
    expect(answer.headers['www-authenticate']).toBe('Bearer, DPoP');
    expect(answer.text).not.toContain('A known document.');
  });

  it.each([
    ['no header', {}],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['an empty one', { authorization: 'Bearer ' }],
    ['two tokens', { authorization: 'Bearer a b' }],
  ])('refuses %s', async (_, headers) => {
    const all = [
      ['POST', '/v1/retrieve'],
      ['POST', '/v1/sessions'],
      ['DELETE', '/v1/sessions/x'],
      ['PUT', '/v1/documents/known'],
      ['GET', '/v1/documents/known'],
      ['DELETE', '/v1/documents/known'],
      ['POST', '/v1/relationships'],
    ] as const;
    for (const [method, path] of all) {
      const body =
        method === 'POST' || method === 'PUT' ? { json: method === 'PUT' ? good : { query: 'known' } } : {};
      expect(problemOf(await http.send(method, path, { ...body, headers }))).toEqual(
        aProblem(401, 'unauthenticated', /Bearer/),
      );
    }
  });

  it('takes a token from the header alone', async () => {
    const answer = await http.send('GET', `/v1/documents/known?access_token=${tokens.anne}`);
    expect(problemOf(answer)).toEqual(aProblem(401, 'unauthenticated', /Bearer/));
  });
});

describe('the rest of HTTP', () => {
  it.each([
    ['GET', '/nowhere'],
    ['GET', '/v1/retrieve'],
    ['PATCH', '/v1/documents/known'],
    ['GET', '/v1/documents'],
    ['PUT', '/v1/documents/a/b'],
    ['POST', '/v1/retrieve/../../etc/passwd'],
  ])('%s %s is no path', async (method, path) => {
    expect(problemOf(await http.send(method, path, { token: tokens.anne }))).toEqual(
      aProblem(404, 'not_found', /No such path/),
    );
  });

  it.each(['/v1/documents/%zz', '/v1/documents/%C3%28', '/%'])(
    '%s is a problem like any other',
    async (path) => {
      expect(problemOf(await http.send('GET', path, { token: tokens.anne }))).toEqual(
        aProblem(400, 'invalid_request', /url component/),
      );
    },
  );

  it.each([
    ['PUT', '/v1/documents/big', 10 * 1024, /10 MiB/],
    ['POST', '/v1/relationships', 10 * 1024, /10 MiB/],
    ['POST', '/v1/retrieve', 256, /256 KiB/],
    ['POST', '/v1/sessions', 256, /256 KiB/],
    ['POST', '/v1/revocations', 256, /256 KiB/],
    ['PUT', '/v1/agents/big', 256, /256 KiB/],
    ['PATCH', '/v1/sources/big', 256, /256 KiB/],
  ] as const)('a body that is too large is 413, without a token: %s %s', async (method, path, kib, limit) => {
    const of = (bytes: number) => http.send(method, path, { json: 'x'.repeat(bytes - 2) });
    expect(problemOf(await of(kib * 1_024 + 1))).toEqual(aProblem(413, 'too_large', limit));
    expect((await of(kib * 1_024)).status).toBe(401);
  });

  it.each([
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'nonsense',
  ])('a body of %s is 415', async (type) => {
    const sent = { token: tokens.anne, raw: 'query=a', headers: { 'content-type': type } };
    expect(problemOf(await http.send('POST', '/v1/retrieve', sent))).toEqual(
      aProblem(415, 'unsupported_media_type', /application\/json/),
    );
  });

  it('NDJSON is taken by the import alone', async () => {
    const sent = {
      token: tokens.anne,
      raw: '{"query":"a"}',
      headers: { 'content-type': 'application/x-ndjson' },
    };
    expect(problemOf(await http.send('POST', '/v1/retrieve', sent))).toEqual(
      aProblem(415, 'unsupported_media_type', /application\/json/),
    );
  });

  it('JSON with a charset is JSON', async () => {
    const sent = {
      token: tokens.anne,
      raw: '{"query":"known"}',
      headers: { 'content-type': 'application/json; charset=utf-8' },
    };
    expect(await http.send('POST', '/v1/retrieve', sent)).toMatchObject({ status: 200 });
  });
});
