import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../src/ports/audit.ts';
import { assemble, type SigningKey, sign, signingKey, startIssuer } from '../identity/issuer.ts';
import { type Answer, type Http, serveHttp } from '../support/http.ts';
import { openTestService, type TestService } from '../support/service.ts';

const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout';
const REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';
const VERIFICATION = 'https://schemas.openid.net/secevent/ssf/event-type/verification';
const now = () => Math.floor(Date.now() / 1_000);

let issuer: Awaited<ReturnType<typeof startIssuer>>;
let key: SigningKey;
let stranger: SigningKey;
let service: TestService;
let http: Http;
let count = 0;

beforeAll(async () => {
  issuer = await startIssuer();
  key = await signingKey('key-1');
  stranger = await signingKey('key-1');
  issuer.discovers();
  issuer.publishes(key);
  service = await openTestService({ OIDC_ISSUER: issuer.url });
  // When it is acknowledged is tried elsewhere.
  http = await serveHttp({ ...service, revoking: { ...service.revoking, settledMs: 0 } });
});
afterAll(async () => {
  await http.close();
  await service.close();
  await issuer.stop();
});

const fresh = (what: string) => `${what}-${(count += 1)}`;
type Claims = Record<string, unknown>;

const access = (sub: string, more: Claims = {}) =>
  sign(key, {
    iss: issuer.url,
    aud: 'clearance',
    sub,
    scope: 'retrieve',
    iat: now() - 60,
    exp: now() + 600,
    ...more,
  });
const ask = async (token: string) =>
  (await http.send('POST', '/v1/retrieve', { token, json: { query: 'harbour' } })).status;

const logoutClaims = (more: Claims = {}): Claims => ({
  iss: issuer.url,
  aud: 'clearance',
  iat: now(),
  exp: now() + 120,
  jti: fresh('logout'),
  events: { [LOGOUT]: {} },
  sub: 'anne',
  ...more,
});
const logoutToken = (more: Claims = {}, header: Claims = {}, by = key) =>
  sign(by, logoutClaims(more), { typ: 'logout+jwt', ...header });
const logOut = (token: string): Promise<Answer> =>
  http.send('POST', '/oidc/backchannel-logout', {
    raw: new URLSearchParams({ logout_token: token }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });

const eventClaims = (more: Claims = {}): Claims => ({
  iss: issuer.url,
  aud: 'clearance',
  iat: now(),
  jti: fresh('event'),
  events: { [REVOKED]: { event_timestamp: now() } },
  sub_id: { format: 'iss_sub', iss: issuer.url, sub: 'anne' },
  ...more,
});
const eventToken = (more: Claims = {}, header: Claims = {}, by = key) =>
  sign(by, eventClaims(more), { typ: 'secevent+jwt', ...header });
const push = (raw: string): Promise<Answer> =>
  http.send('POST', '/ssf/events', { raw, headers: { 'content-type': 'application/secevent+jwt' } });

/** What is wrong with it, by how either kind of token says it. */
const attacks: Record<string, { more?: Claims; header?: Claims; forged?: true }> = {
  'signed by a stranger under the name of a key': { forged: true },
  'signed with a key that is not published': { header: { kid: 'key-2' } },
  'without the name of its key': { header: { kid: undefined } },
  'of another type': { header: { typ: 'at+jwt' } },
  'typed as an ID token': { header: { typ: 'id_token+jwt' } },
  'with critical extensions': { header: { crit: ['odd'], odd: 1 } },
  'of an issuer that is not trusted': { more: { iss: 'https://elsewhere.example.com' } },
  'of no issuer': { more: { iss: undefined } },
  'for another audience': { more: { aud: 'another' } },
  'for nobody': { more: { aud: undefined } },
  'without a time': { more: { iat: undefined } },
  'from the future': { more: { iat: now() + 3_600 } },
  'from long ago': { more: { iat: now() - 90_000, exp: undefined } },
  'without an id': { more: { jti: undefined } },
  'with an empty id': { more: { jti: '' } },
  'with an id that is no text': { more: { jti: 7 } },
  'without events': { more: { events: undefined } },
  'with events that are a list': { more: { events: [LOGOUT, REVOKED] } },
  'with events that are a text': { more: { events: LOGOUT } },
  'with an event that is no object': { more: { events: { [LOGOUT]: true, [REVOKED]: true } } },
};

const onlyLogout: typeof attacks = {
  'that is an ID token, with a nonce': { more: { nonce: 'n' } },
  'without an end': { more: { exp: undefined } },
  'that is over': { more: { exp: now() - 60 } },
  'of another event': { more: { events: { [REVOKED]: {} } } },
  'of nobody': { more: { sub: undefined } },
  'of somebody who is no text': { more: { sub: { name: 'anne' } } },
  'of a session that is no text': { more: { sid: 7 } },
  'typed as a security event': { header: { typ: 'secevent+jwt' } },
};

const onlyEvent: typeof attacks = {
  'without a type': { header: { typ: undefined } },
  'typed as a JWT': { header: { typ: 'JWT' } },
  'typed as a logout token': { header: { typ: 'logout+jwt' } },
  'with an end, as access tokens have': { more: { exp: now() + 600 } },
  'with a subject as access tokens have': { more: { sub: 'anne' } },
  'of nobody': { more: { sub_id: undefined } },
  'of an address, where people are not known by theirs': {
    more: { sub_id: { format: 'email', email: 'anne@example.com' } },
  },
  "of another issuer's person": {
    more: { sub_id: { format: 'iss_sub', iss: 'https://elsewhere.example.com', sub: 'anne' } },
  },
  'of a subject in a format that is not known': {
    more: { sub_id: { format: 'phone_number', phone_number: '+1' } },
  },
  'of an empty subject': { more: { sub_id: { format: 'complex' } } },
};

const refused = {
  status: 400,
  body: { error: 'invalid_request', error_description: expect.stringMatching(/\w/) },
};
const notTaken = {
  status: 400,
  body: { err: expect.stringMatching(/^[a-z_]+$/), description: expect.stringMatching(/\w/) },
};

describe('a logout token', () => {
  it('ends all of a person, of their session alone where it names one, and of no other issuer', async () => {
    const [anne, laptop, phone] = [
      await access('anne'),
      await access('anne', { sid: 'a' }),
      await access('anne', { sid: 'b' }),
    ];
    const bob = await access('bob');
    expect(await logOut(await logoutToken({ sid: 'a' }))).toMatchObject({
      status: 200,
      headers: { 'cache-control': 'no-store' },
    });
    // A token that names no session may be of this one.
    expect([await ask(laptop), await ask(phone), await ask(anne), await ask(bob)]).toEqual([
      401, 200, 401, 200,
    ]);
    expect(await logOut(await logoutToken({ sid: 'b', sub: undefined }))).toMatchObject({ status: 200 });
    expect(await ask(phone)).toBe(401);
    const tablet = await access('anne', { sid: 'c' });
    expect(await ask(tablet)).toBe(200);
    expect(await logOut(await logoutToken())).toMatchObject({ status: 200 });
    expect([await ask(tablet), await ask(bob)]).toEqual([401, 200]);
  });

  it('ends nothing that was issued after it', async () => {
    expect(await logOut(await logoutToken({ sub: 'carl', iat: now() - 120 }))).toMatchObject({ status: 200 });
    expect(await ask(await access('carl', { iat: now() - 60 }))).toBe(200);
    expect(await ask(await access('carl', { iat: now() - 180 }))).toBe(401);
  });

  it('ends sessions that such a token has started, were it in the same second', async () => {
    const sub = fresh('erik');
    const start = async (token: string) =>
      String((await http.send('POST', '/v1/sessions', { token })).body['session_id']);
    const resume = async (token: string, session_id: string) =>
      (await http.send('POST', '/v1/retrieve', { token, json: { query: 'harbour', session_id } })).status;
    const session = await start(await access(sub));
    expect(await logOut(await logoutToken({ sub, iat: now() - 30 }))).toMatchObject({ status: 200 });
    const fresher = await access(sub, { iat: now() - 10 });
    expect(await resume(fresher, session)).toBe(404);
    expect(await resume(fresher, await start(fresher))).toBe(200);
  });

  it('is taken in every tenant', async () => {
    const token = await access('dora', { tenant: 'acme' });
    expect(await ask(token)).toBe(200);
    expect(await logOut(await logoutToken({ sub: 'dora' }))).toMatchObject({ status: 200 });
    expect(await ask(token)).toBe(401);
  });

  it('is taken without a type of its own, for that is only recommended', async () => {
    for (const typ of [undefined, 'JWT']) {
      expect(await logOut(await logoutToken({ sub: 'nobody' }, { typ }))).toMatchObject({ status: 200 });
    }
  });

  it.each(Object.entries({ ...attacks, ...onlyLogout }))(
    '%s is refused',
    async (name, { more, header, forged }) => {
      const sub = fresh('victim');
      const token = await logoutToken({ sub, ...more }, header, forged ? stranger : key);
      expect(await logOut(token)).toMatchObject(refused);
      expect(await ask(await access(sub)), name).toBe(200);
    },
  );

  it('that is unsigned, torn, or an access token is refused', async () => {
    const sub = fresh('victim');
    const claims = logoutClaims({ sub });
    for (const token of [
      assemble({ alg: 'none', kid: 'key-1', typ: 'logout+jwt' }, claims),
      assemble({ alg: 'HS256', kid: 'key-1', typ: 'logout+jwt' }, claims, 'AAAA'),
      await access(sub),
      'x',
      '',
    ]) {
      expect(await logOut(token)).toMatchObject(refused);
    }
    expect(await ask(await access(sub))).toBe(200);
  });

  it('is taken once', async () => {
    const token = await logoutToken({ sub: fresh('victim') });
    expect(await logOut(token)).toMatchObject({ status: 200 });
    expect(await logOut(token)).toMatchObject(refused);
  });

  it('that comes again is acknowledged no sooner, and fills no trail', async () => {
    const SETTLED_MS = 300;
    const records: AuditRecord[] = [];
    const audit = { append: async (record: AuditRecord) => void records.push(record) };
    const door = await serveHttp({
      ...service,
      revoking: { ...service.revoking, audit, settledMs: SETTLED_MS },
    });
    const victim = fresh('victim');
    const token = await eventToken({ sub_id: { format: 'iss_sub', iss: issuer.url, sub: victim } });
    const took = async () => {
      const began = performance.now();
      const headers = { 'content-type': 'application/secevent+jwt' };
      expect(await door.send('POST', '/ssf/events', { raw: token, headers })).toMatchObject({ status: 202 });
      return performance.now() - began;
    };
    // Timers may be a millisecond early.
    for (let times = 0; times < 3; times += 1) expect(await took()).toBeGreaterThan(SETTLED_MS - 2);
    await door.close();
    expect(records).toMatchObject([
      { details: { what: [{ kind: 'login', issuer: issuer.url, subject: `user:${victim}` }] } },
    ]);
  });

  it('is taken as a form, once in it, and of a size that one can keep', async () => {
    const path = '/oidc/backchannel-logout';
    const token = await logoutToken({ sub: fresh('victim') });
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = (raw: string, headers: Record<string, string> = form) =>
      http.send('POST', path, { raw, headers });
    expect(await post(`logout_token=${token}&logout_token=${token}`)).toMatchObject(refused);
    expect(await post('token=x')).toMatchObject(refused);
    expect(await post(token, { 'content-type': 'application/secevent+jwt' })).toMatchObject(refused);
    expect(
      await post(JSON.stringify({ logout_token: token }), { 'content-type': 'application/json' }),
    ).toMatchObject({ status: 415 });
    expect(await post(`logout_token=${'x'.repeat(20_000)}`)).toMatchObject({ status: 413 });
    expect(await post(`logout_token=${token}`)).toMatchObject({ status: 200 });
  });
});

describe('a security event token', () => {
  it('that says that a session was revoked ends the person or the session', async () => {
    const token = (sid: string) => access('erik', { sid });
    const [a, b, c] = [await token('e1'), await token('e2'), await token('e3')];
    expect(await push(await eventToken({ sub_id: { format: 'opaque', id: 'e1' } }))).toMatchObject({
      status: 202,
      text: '',
    });
    expect([await ask(a), await ask(b)]).toEqual([401, 200]);
    const user = { format: 'iss_sub', iss: issuer.url, sub: 'erik' };
    const session = { format: 'opaque', id: 'e2' };
    expect(await push(await eventToken({ sub_id: { format: 'complex', user, session } }))).toMatchObject({
      status: 202,
    });
    expect([await ask(b), await ask(c)]).toEqual([401, 200]);
    expect(await push(await eventToken({ sub_id: user }))).toMatchObject({ status: 202 });
    expect(await ask(c)).toBe(401);
  });

  it('of anything else is acknowledged, and does nothing', async () => {
    expect(
      await push(await eventToken({ events: { [VERIFICATION]: { state: 's' } }, sub_id: undefined })),
    ).toMatchObject({ status: 202 });
    const sub = fresh('victim');
    const events = { 'https://schemas.openid.net/secevent/caep/event-type/credential-change': {} };
    expect(
      await push(await eventToken({ events, sub_id: { format: 'iss_sub', iss: issuer.url, sub } })),
    ).toMatchObject({ status: 202 });
    expect(await ask(await access(sub))).toBe(200);
  });

  it.each(Object.entries({ ...attacks, ...onlyEvent }))(
    '%s is refused',
    async (name, { more, header, forged }) => {
      const sub = fresh('victim');
      const { exp: _, ...rest } = { exp: undefined, ...more };
      const claims = {
        sub_id: { format: 'iss_sub', iss: issuer.url, sub },
        ...(name.includes('with an end') ? more : rest),
      };
      const answer = await push(await eventToken(claims, header, forged ? stranger : key));
      expect(answer).toMatchObject(notTaken);
      expect(answer.headers['content-language']).toBe('en');
      expect(await ask(await access(sub)), name).toBe(200);
    },
  );

  it('is refused by the codes of RFC 8935', async () => {
    const code = async (token: string) => (await push(token)).body.err;
    expect(await code('x')).toBe('invalid_request');
    expect(await code(await eventToken({ aud: 'another' }))).toBe('invalid_audience');
    expect(await code(await eventToken({ iss: 'https://elsewhere.example.com' }))).toBe('invalid_issuer');
    expect(await code(await eventToken({}, { kid: 'key-2' }))).toBe('invalid_key');
    expect(await code(await eventToken({}, {}, stranger))).toBe('authentication_failed');
  });

  it('that comes again is acknowledged again, and ends nothing that came between', async () => {
    const sub = fresh('victim');
    const token = await eventToken({ iat: now() - 120, sub_id: { format: 'iss_sub', iss: issuer.url, sub } });
    expect(await push(token)).toMatchObject({ status: 202 });
    const between = await access(sub, { iat: now() - 60 });
    expect(await push(token)).toMatchObject({ status: 202 });
    expect(await ask(between)).toBe(200);
  });

  it('is taken as its own media type alone', async () => {
    const raw = await eventToken();
    for (const type of ['application/jwt', 'application/json', 'text/plain']) {
      expect(
        await http.send('POST', '/ssf/events', { raw, headers: { 'content-type': type } }),
      ).toMatchObject({ status: 415 });
    }
  });
});

describe('an issuer that can not be reached', () => {
  it('is no reason to forget a logout: the sender is told to try again', async () => {
    const away = await startIssuer();
    const other = await openTestService({ OIDC_ISSUER: away.url });
    const door = await serveHttp(other);
    await away.stop();
    const raw = await sign(key, { ...eventClaims(), iss: away.url }, { typ: 'secevent+jwt' });
    const answer = await door.send('POST', '/ssf/events', {
      raw,
      headers: { 'content-type': 'application/secevent+jwt' },
    });
    await door.close();
    await other.close();
    expect(answer).toMatchObject({ status: 503, body: { code: 'identity_unavailable' } });
  });
});
