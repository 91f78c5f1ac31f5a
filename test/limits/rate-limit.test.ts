import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import { limitedIdentity, limitedTokens } from '../../src/limits/limited-identity.ts';
import { unrevoked } from '../../src/revocation/unrevoked.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { openParts, type Parts } from '../support/parts.ts';
import { aProblem, problemOf } from '../support/problem.ts';
import { openTestService, type TestService } from '../support/service.ts';

const PER_MINUTE = 3;
const ready = async () => ({ pendingSteps: 0, oldestSeconds: 0 });

let parts: Parts;
let limited: Http;
let unlimited: Http;

beforeAll(async () => {
  parts = await openParts();
  const identity = limitedIdentity(parts.read.identity, PER_MINUTE);
  limited = await serveHttp({ ...parts, read: { ...parts.read, identity }, ready });
  unlimited = await serveHttp({ ...parts, ready });
});
afterAll(async () => {
  await limited.close();
  await unlimited.close();
  await parts.close();
});

async function statuses(http: Http, count: number, subject: string, more: Partial<TokenRequest> = {}) {
  const token = await parts.token(subject, more);
  const answers: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const { status } = await http.send('POST', '/v1/retrieve', { token, json: { query: 'harbour' } });
    answers.push(status);
  }
  return answers;
}

describe('a principal past the limit', () => {
  it('is told when to come back', async () => {
    expect(await statuses(limited, PER_MINUTE, 'anne')).toEqual([200, 200, 200]);
    const token = await parts.token('anne');
    const answer = await limited.send('POST', '/v1/retrieve', { token, json: { query: 'harbour' } });
    expect(problemOf(answer)).toEqual(aProblem(429, 'rate_limited', /Try again in \d+ s/));
    const seconds = Number(answer.headers['retry-after']);
    expect(seconds).toBeGreaterThanOrEqual(1);
    expect(seconds).toBeLessThanOrEqual(60);
  });

  it('is let through where nothing limits', async () => {
    expect(await statuses(unlimited, PER_MINUTE + 1, 'anne')).toEqual([200, 200, 200, 200]);
  });

  it('is limited as that person, agent and tenant, and alone', async () => {
    expect(await statuses(limited, PER_MINUTE + 1, 'carl')).toEqual([200, 200, 200, 429]);
    expect(await statuses(limited, 1, 'carl', { actor: 'bot' })).toEqual([200]);
    expect(await statuses(limited, 1, 'carl', { tenant: 'other' })).toEqual([200]);
    expect(await statuses(limited, 1, 'dora')).toEqual([200]);
  });

  it('is counted once a request, whatever the route', async () => {
    const token = await parts.token('erik');
    const started = await limited.send('POST', '/v1/sessions', { token });
    expect(started.status).toBe(201);
    const id = String(started.body['session_id']);
    expect((await limited.send('GET', '/v1/documents/none', { token })).status).toBe(404);
    expect((await limited.send('DELETE', `/v1/sessions/${id}`, { token })).status).toBe(204);
    expect((await limited.send('GET', '/v1/documents/none', { token })).status).toBe(429);
  });
});

it('a writer may send twenty times as much', async () => {
  const identity = limitedIdentity(parts.read.identity, PER_MINUTE);
  const token = await parts.token('loader', { scopes: ['ingest'], source: 'wiki' });
  for (let i = 0; i < PER_MINUTE * 20; i += 1) await identity.verify(token);
  await expect(identity.verify(token)).rejects.toMatchObject({ code: 'rate_limited' });
});

it('a token that is refused counts for nobody', async () => {
  const token = await parts.token('frida');
  for (let i = 0; i < PER_MINUTE + 1; i += 1) {
    const answer = await limited.send('GET', '/v1/documents/none', { token: `${token.slice(0, -4)}AAAA` });
    expect(answer.status).toBe(401);
  }
  expect((await limited.send('GET', '/v1/documents/none', { token })).status).toBe(404);
});

describe('a stolen token that was revoked', () => {
  let service: TestService;
  let http: Http;
  beforeAll(async () => {
    service = await openTestService({ RATE_LIMIT_PER_MINUTE: String(PER_MINUTE) });
    http = await serveHttp({ ...service, revoking: { ...service.revoking, settledMs: 0 } });
  });
  afterAll(async () => {
    await http.close();
    await service.close();
  });
  const flood = async (token: string) => {
    const answers: number[] = [];
    for (let i = 0; i < PER_MINUTE + 2; i += 1)
      answers.push((await http.send('GET', '/v1/documents/none', { token })).status);
    return answers;
  };

  it('is limited, and locks nobody out who has a good one', async () => {
    const [stolen, own] = [await service.token('gina'), await service.token('gina', { lifetime: 1_800 })];
    const json = { kind: 'token', token: stolen };
    const admin = await service.token('root', { scopes: ['admin'] });
    expect((await http.send('POST', '/v1/revocations', { token: admin, json })).status).toBe(200);
    expect(await flood(stolen)).toEqual([401, 401, 401, 429, 429]);
    expect(await flood(own)).toEqual([404, 404, 404, 429, 429]);
    // Of all her tokens together.
    expect(await flood(await service.token('gina', { lifetime: 900 }))).toEqual([429, 429, 429, 429, 429]);
  });

  it('is not looked up once it is limited', async () => {
    let lookUps = 0;
    const { revocations } = service.revoking;
    const counted = { ...revocations, concern: async () => ((lookUps += 1), true) };
    const identity = unrevoked(limitedTokens(parts.read.identity, PER_MINUTE), counted);
    const token = await parts.token('hugo');
    for (let i = 0; i < 10; i += 1) {
      const code = i < PER_MINUTE ? 'unauthenticated' : 'rate_limited';
      await expect(identity.verify(token)).rejects.toMatchObject({ code });
    }
    expect(lookUps).toBe(PER_MINUTE);
  });
});

it('the tokens of one principal are counted together', async () => {
  const { identity } = parts.read;
  const both = limitedIdentity(limitedTokens(identity, PER_MINUTE), PER_MINUTE);
  for (let i = 0; i < PER_MINUTE; i += 1)
    await both.verify(await parts.token('ida', { lifetime: 1_000 + i }));
  await expect(both.verify(await parts.token('ida'))).rejects.toMatchObject({ code: 'rate_limited' });
});
