import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TokenRequest } from '../../src/adapters/jwt/development-issuer.ts';
import { limitedIdentity } from '../../src/limits/limited-identity.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { openParts, type Parts } from '../support/parts.ts';
import { aProblem, problemOf } from '../support/problem.ts';

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
