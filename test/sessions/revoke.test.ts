import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeJwt, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEVELOPMENT_ALGORITHM, developmentKeys } from '../../src/adapters/jwt/development-keys.ts';
import type { AuditRecord } from '../../src/ports/audit.ts';
import type { RevocationRequest } from '../../src/types/revocation.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { openTestService, type TestService } from '../support/service.ts';

const ISSUER = 'clearance-development';
let service: TestService;
let http: Http;
let admin: string;
let people = 0;

beforeAll(async () => {
  service = await openTestService();
  // When it is acknowledged is tried elsewhere.
  http = await serveHttp({ ...service, revoking: { ...service.revoking, settledMs: 0 } });
  admin = await service.token('root', { scopes: ['admin'] });
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const ask = async (token: string, more: Record<string, unknown> = {}) =>
  (await http.send('POST', '/v1/retrieve', { token, json: { query: 'harbour', ...more } })).status;
const revoke = (json: RevocationRequest, token = admin) =>
  http.send('POST', '/v1/revocations', { token, json });

/** Someone nobody else is, with a token that was issued a while ago. */
async function someone(claims: Record<string, unknown> = {}) {
  people += 1;
  const name = `person-${people}`;
  return { name, token: await sign({ sub: name, ...claims }) };
}

/** As the development issuer does, at any time and with any claims. */
async function sign(claims: Record<string, unknown>, issuedAt = Math.floor(Date.now() / 1_000) - 60) {
  const keys = await developmentKeys(service.config.dataDir);
  people += 1;
  return new SignJWT({ scope: 'retrieve', client_id: 'tests', jti: `token-${people}`, ...claims })
    .setProtectedHeader({ alg: DEVELOPMENT_ALGORITHM, kid: keys.kid, typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setAudience('clearance')
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + 3_600)
    .sign(keys.privateKey);
}
/** Issued when the clocks of the issuer and of the store can no longer be mixed up. */
const later = (claims: Record<string, unknown>) => sign(claims, Math.floor(Date.now() / 1_000) + 5);

const refused = {
  status: 401,
  body: { code: 'unauthenticated', detail: expect.stringContaining('was revoked') },
};

describe('what was revoked is refused from then on', () => {
  it.each<[string, (token: string) => RevocationRequest]>([
    ['itself', (token) => ({ kind: 'token', token })],
    ['its hash', (token) => ({ kind: 'token', token: hashOf(token) })],
    ['its id', (token) => ({ kind: 'jti', issuer: ISSUER, jti: String(decodeJwt(token).jti) })],
  ])('a token, by %s, and no other token of that person', async (_, request) => {
    const { name, token } = await someone();
    const other = await sign({ sub: name });
    expect([await ask(token), await ask(other)]).toEqual([200, 200]);
    expect(await revoke(request(token))).toMatchObject({ status: 200 });
    expect([await ask(token), await ask(other)]).toEqual([401, 200]);
  });

  it('a token under another form of its signature too', async () => {
    const { token } = await someone();
    await revoke({ kind: 'token', token });
    const forms = [token, withOtherSignature(token)];
    expect(new Set(forms).size).toBe(2);
    for (const form of forms) {
      expect(await http.send('POST', '/v1/sessions', { token: form })).toMatchObject(refused);
    }
  });

  it.each<[string, (name: string) => RevocationRequest]>([
    ['by the name that the engine has for them', (name) => ({ kind: 'person', user: `user:${name}` })],
    [
      'by the name that the issuer has for them',
      (name) => ({ kind: 'login', issuer: ISSUER, subject: name }),
    ],
  ])('a person, %s: all that was issued, and nothing that will be', async (_, request) => {
    const { name, token } = await someone();
    const byAgent = await service.token(name, { actor: 'helper' });
    const { name: bystander, token: another } = await someone();
    const { body } = await http.send('POST', '/v1/sessions', { token });
    expect(bystander).not.toBe(name);
    expect(await revoke(request(name))).toMatchObject({ status: 200 });
    expect([await ask(token), await ask(byAgent), await ask(another)]).toEqual([401, 401, 200]);
    await sleep(1_000);
    const fresh = await later({ sub: name });
    expect(await ask(fresh)).toBe(200);
    // What the person had begun is over, whoever goes on with it.
    expect(await ask(fresh, { session_id: body.session_id })).toBe(404);
  });

  it('an agent, whoever it asks for, and all agents of an owner', async () => {
    const owner = 'user:owner';
    const [bot, other] = [
      await service.token('anne', { actor: 'bot' }),
      await service.token('anne', { actor: 'other' }),
    ];
    expect(await revoke({ kind: 'agent', agent: 'bot' })).toMatchObject({ status: 200 });
    expect([await ask(bot), await ask(other), await ask(await service.token('bot'))]).toEqual([
      401, 200, 200,
    ]);
    expect(await revoke({ kind: 'agents_of', user: owner })).toMatchObject({
      status: 200,
      body: { agents: expect.arrayContaining(['bot', 'other']) },
    });
    expect([await ask(other), await ask(await service.token('anne'))]).toEqual([401, 200]);
  });

  it('a session at the issuer, and no other of the same person', async () => {
    const { name, token } = await someone({ sid: 'laptop' });
    const phone = await sign({ sub: name, sid: 'phone' });
    const { body } = await http.send('POST', '/v1/sessions', { token });
    expect(await revoke({ kind: 'sid', issuer: ISSUER, sid: 'laptop' })).toMatchObject({ status: 200 });
    expect([await ask(token), await ask(phone)]).toEqual([401, 200]);
    expect(await ask(phone, { session_id: body.session_id })).toBe(404);
    // It is over for good: whatever is issued for it later is too.
    expect(await ask(await later({ sub: name, sid: 'laptop' }))).toBe(401);
  });

  it('a session, which anyone else of the same token may not even know of', async () => {
    const { token } = await someone();
    const { body } = await http.send('POST', '/v1/sessions', { token });
    const session_id = String(body.session_id);
    expect(await ask(token, { session_id })).toBe(200);
    expect(await revoke({ kind: 'session', session_id })).toMatchObject({ status: 200 });
    expect([await ask(token, { session_id }), await ask(token)]).toEqual([404, 200]);
    expect(await revoke({ kind: 'session', session_id })).toMatchObject({ status: 404 });
  });

  it('also writes, and administration', async () => {
    const token = await service.token('writer', { scopes: ['ingest', 'admin'], source: 'wiki' });
    await revoke({ kind: 'person', user: 'user:writer' });
    expect(await http.send('DELETE', '/v1/documents/any', { token })).toMatchObject(refused);
    expect(await http.send('GET', '/v1/agents', { token })).toMatchObject(refused);
  });

  it('and a token that does not say when it was issued', async () => {
    const { name } = await someone();
    const keys = await developmentKeys(service.config.dataDir);
    const token = await new SignJWT({ sub: name, scope: 'retrieve' })
      .setProtectedHeader({ alg: DEVELOPMENT_ALGORITHM, kid: keys.kid })
      .setIssuer(ISSUER)
      .setAudience('clearance')
      .setExpirationTime('1h')
      .sign(keys.privateKey);
    expect(await ask(token)).toBe(200);
    await revoke({ kind: 'person', user: `user:${name}` });
    expect(await ask(token)).toBe(401);
  });
});

describe('who revokes', () => {
  it('is anyone, their own token and session', async () => {
    const { name, token } = await someone();
    const other = await sign({ sub: name });
    const { body } = await http.send('POST', '/v1/sessions', { token: other });
    const session_id = String(body.session_id);
    const stranger = (await someone()).token;
    expect(await revoke({ kind: 'session', session_id }, stranger)).toMatchObject({ status: 404 });
    expect(await revoke({ kind: 'session', session_id }, token)).toMatchObject({ status: 200 });
    expect(await revoke({ kind: 'own_token' }, token)).toMatchObject({ status: 200 });
    expect([await ask(token), await ask(other)]).toEqual([401, 200]);
  });

  it('and for all else an administrator, of that tenant', async () => {
    const { name, token } = await someone();
    for (const request of [
      { kind: 'token', token },
      { kind: 'person', user: `user:${name}` },
      { kind: 'agent', agent: 'bot' },
      { kind: 'agents_of', user: `user:${name}` },
      { kind: 'jti', issuer: ISSUER, jti: 'any' },
      { kind: 'sid', issuer: ISSUER, sid: 'any' },
      { kind: 'login', issuer: ISSUER, subject: name },
    ] as const) {
      expect(await revoke(request, token)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    }
    const elsewhere = await service.token('root', { scopes: ['admin'], tenant: 'elsewhere' });
    for (const request of [
      { kind: 'token', token },
      { kind: 'person', user: `user:${name}` },
      { kind: 'login', issuer: ISSUER, subject: name },
    ] as const) {
      expect(await revoke(request, elsewhere)).toMatchObject({ status: 200 });
    }
    expect(await ask(token)).toBe(200);
    expect(await http.send('POST', '/v1/revocations', { json: { kind: 'own_token' } })).toMatchObject({
      status: 401,
    });
  });

  it.each<[string, unknown]>([
    ['nothing', {}],
    ['an unknown kind', { kind: 'everything' }],
    ['everyone', { kind: 'person', user: 'user:*' }],
    ['a group', { kind: 'person', user: 'group:eng#member' }],
    ['no token', { kind: 'token', token: 'x' }],
    ['too much', { kind: 'own_token', token: 'x' }],
  ])('is told that %s is no request', async (_, json) => {
    expect(await http.send('POST', '/v1/revocations', { token: admin, json })).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
  });
});

describe('a revocation', () => {
  it('is in the audit trail, without the token, and is none where it can not be', async () => {
    const { name, token } = await someone();
    const records = await recordsOf({ kind: 'token', token });
    expect(records).toMatchObject([
      { event: 'revoke', subject: 'user:root', details: { kind: 'token', hash: hashOf(token) } },
    ]);
    expect(JSON.stringify(records)).not.toContain(token.split('.')[1]);

    const down = { append: () => Promise.reject(new Error('down')) };
    const broken = await serveHttp({ ...service, revoking: { ...service.revoking, audit: down } });
    const json = { kind: 'person', user: `user:${name}` };
    expect((await broken.send('POST', '/v1/revocations', { token: admin, json })).status).toBe(500);
    await broken.close();
    expect(await ask(await sign({ sub: name }))).toBe(200);
  });

  it('of a session that is not there is taken back', async () => {
    const { token } = await someone();
    for (const by of [admin, token]) {
      const records = await recordsOf({ kind: 'session', session_id: 'never-existed' }, by);
      expect(records.map(({ event }) => event)).toEqual(['revoke', 'withhold']);
      expect(new Set(records.map(({ decisionId }) => decisionId)).size).toBe(1);
    }
  });

  it.each([
    ['anne', 'user:anne'],
    ['auth0|a b', 'user:auth0|a%20b'],
    ['x'.repeat(1_000), expect.stringMatching(/^user:[\w-]{43}$/)],
  ])('of a login is recorded as of a person, whom the trail keeps a pseudonym of', async (subject, user) => {
    const records = await recordsOf({ kind: 'login', issuer: ISSUER, subject });
    expect(records).toMatchObject([{ details: { kind: 'login', issuer: ISSUER, subject: user } }]);
  });
});

/** What is put down of it. */
async function recordsOf(json: RevocationRequest, token = admin): Promise<readonly AuditRecord[]> {
  const records: AuditRecord[] = [];
  const audit = { append: async (record: AuditRecord) => void records.push(record) };
  const recording = await serveHttp({ ...service, revoking: { ...service.revoking, audit, settledMs: 0 } });
  await recording.send('POST', '/v1/revocations', { token, json });
  await recording.close();
  return records;
}

/** As `sha256sum` and `basenc --base64url` would make it. */
const hashOf = (token: string) =>
  createHash('sha256')
    .update(token.slice(0, token.lastIndexOf('.')))
    .digest('base64url');

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Of an ECDSA signature (r, s), (r, n - s) is one too. */
function withOtherSignature(token: string): string {
  const [header, claims, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = BigInt(`0x${bytes.subarray(32).toString('hex')}`);
  const other = (ORDER - s).toString(16).padStart(64, '0');
  return `${header}.${claims}.${Buffer.concat([bytes.subarray(0, 32), Buffer.from(other, 'hex')]).toString('base64url')}`;
}
