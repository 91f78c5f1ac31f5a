import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../src/ports/audit.ts';
import type { ReadPath } from '../../src/retrieve/retrieve.ts';
import type { RevocationRequest } from '../../src/types/revocation.ts';
import { type Answer, type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let admin: string;

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  admin = await service.token('root', { scopes: ['admin'] });
  await put(service.write, await writer(service), 'plan', 'The harbour plan.', ['user:*', 'agent:bot']);
});
afterAll(async () => {
  await http.close();
  await service.close();
});

type Asked = { readonly method: string; readonly path: string; readonly json?: unknown };
const retrieval = (session_id?: string): Asked => ({
  method: 'POST',
  path: '/v1/retrieve',
  json: { query: 'harbour', ...(session_id === undefined ? {} : { session_id }) },
});

/** An answer that is decided and put down when its token or session is revoked, and the revocation acknowledged. */
async function answered(read: ReadPath, token: string, asked: Asked, request: RevocationRequest) {
  const records: AuditRecord[] = [];
  const during = await serveHttp({
    ...service,
    read: {
      ...read,
      audit: {
        async append(record) {
          records.push(record);
          await read.audit.append(record);
          if (record.event === 'withhold') return;
          const revoked = await http.send('POST', '/v1/revocations', { token: admin, json: request });
          expect(revoked.status).toBe(200);
        },
      },
    },
  });
  const { method, path, json } = asked;
  const answer = await during.send(method, path, { token, ...(json === undefined ? {} : { json }) });
  await during.close();
  return { answer, records };
}

describe('what was revoked gets no answer, not even one that was decided before', () => {
  let people = 0;
  const someone = async () => {
    people += 1;
    const name = `person-${people}`;
    const token = await service.token(name, { actor: 'bot' });
    const { body } = await http.send('POST', '/v1/sessions', { token });
    return { name, token, session: String(body.session_id) };
  };
  type Someone = Awaited<ReturnType<typeof someone>>;

  it.each<[string, (who: Someone) => RevocationRequest, (who: Someone) => Asked, number]>([
    ['a token', ({ token }) => ({ kind: 'token', token }), ({ session }) => retrieval(session), 401],
    ['a person', ({ name }) => ({ kind: 'person', user: `user:${name}` }), () => retrieval(), 401],
    [
      'a session',
      ({ session }) => ({ kind: 'session', session_id: session }),
      ({ session }) => retrieval(session),
      404,
    ],
    [
      'a person who reads a document',
      ({ name }) => ({ kind: 'person', user: `user:${name}` }),
      () => ({ method: 'GET', path: '/v1/documents/plan' }),
      401,
    ],
  ])('%s', async (_, request, asked, status) => {
    const careless = { ...service.read, handOvers: { confirm: async () => 'confirmed' as const } };
    const first = await someone();
    const leak = await answered(careless, first.token, asked(first), request(first));
    expect(leak.answer).toMatchObject({ status: 200, text: expect.stringContaining('The harbour plan.') });

    const second = await someone();
    const { answer, records } = await answered(service.read, second.token, asked(second), request(second));
    expect(answer.status).toBe(status);
    expect(answer.text).not.toContain('plan');
    // The trail does not say that it was released.
    expect(records.map(({ event }) => event).at(-1)).toBe('withhold');
    expect(new Set(records.map(({ decisionId }) => decisionId)).size).toBe(1);
  });

  const revoke = async (request: RevocationRequest) => {
    expect(await http.send('POST', '/v1/revocations', { token: admin, json: request })).toMatchObject({
      status: 200,
    });
  };
  const confirming = { confirm: async () => 'confirmed' as const };
  /** What is answered where the token is revoked while a part is being asked. */
  async function during(read: ReadPath, token: string, { method, path }: Asked): Promise<Answer> {
    let first = true;
    const revoking = async () => {
      if (first) await revoke({ kind: 'token', token });
      first = false;
    };
    const engine: ReadPath['engine'] = {
      async batchCheck(batch) {
        await revoking();
        return read.engine.batchCheck(batch);
      },
    };
    const decisions: ReadPath['decisions'] = {
      async find(...asked) {
        await revoking();
        return read.decisions.find(...asked);
      },
    };
    const door = await serveHttp({ ...service, read: { ...read, engine, decisions } });
    const answer = await door.send(method, path, { token });
    await door.close();
    return answer;
  }

  it('nor what is left of a session, while the engine is asked', async () => {
    const asked = async () => {
      const { token } = await someone();
      const { json } = retrieval();
      const { body } = await http.send('POST', '/v1/retrieve', { token, json });
      return [token, { method: 'POST', path: `/v1/sessions/${String(body.session_id)}/revalidate` }] as const;
    };
    const leak = await during({ ...service.read, handOvers: confirming }, ...(await asked()));
    expect(leak).toMatchObject({ status: 200, body: { keep: [{ document_id: 'plan' }] } });
    const answer = await during(service.read, ...(await asked()));
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(answer.text).not.toContain('plan');
  });

  it('nor what the audit trail says of a decision', async () => {
    const { token } = await someone();
    const { json } = retrieval();
    const { body } = await http.send('POST', '/v1/retrieve', { token, json });
    const asked = { method: 'GET', path: `/v1/decisions/${String(body.decision_id)}` };
    const auditor = () => service.token('auditor', { scopes: ['admin'] });
    const leak = await during({ ...service.read, handOvers: confirming }, await auditor(), asked);
    expect(leak).toMatchObject({ status: 200, text: expect.stringContaining('plan') });
    const answer = await during(service.read, await auditor(), asked);
    expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
    expect(answer.text).not.toContain('plan');
  });

  it('and none where it can not be told whether it was', async () => {
    const { token } = await someone();
    const down = { confirm: () => Promise.reject(new Error('down')) };
    const door = await serveHttp({ ...service, read: { ...service.read, handOvers: down } });
    const { json } = retrieval();
    const answer = await door.send('POST', '/v1/retrieve', { token, json });
    await door.close();
    expect(answer.status).toBe(500);
    expect(answer.text).not.toContain('plan');
  });
});

describe('what was revoked half-way through an import writes no further line', () => {
  type Ending = (token: string) => Promise<unknown>;

  const chain = ['feeder', 'planner'];
  const mayAct = [
    ['feeder', 'user:loader'],
    ['planner', 'user:loader'],
    ['feeder', 'agent:planner'],
  ].map(([agent, object = '']) => ({ user: `agent:${agent}`, relation: 'can_act_for', object }));
  const removeLast = () =>
    http.send('POST', '/v1/relationships', { token: admin, json: { deletes: mayAct.slice(2) } });
  beforeEach(async () => {
    await http.send('POST', '/v1/relationships', { token: admin, json: { writes: mayAct } });
  });

  /** An import of eight lines by an agent of an agent; its token ends while the first is written. Codes, line by line. */
  async function imported(read: ReadPath, end: Ending, lifetime: number) {
    const { documents } = service.write;
    const as = { scopes: ['ingest' as const], source: 'wiki', actor: chain, lifetime };
    const token = await service.token('loader', as);
    let ended: Promise<unknown> | undefined;
    const claim: typeof documents.claim = async (...asked) => {
      ended ??= end(token);
      await ended;
      return documents.claim(...asked);
    };
    const write = { ...service.write, documents: { ...documents, claim } };
    const door = await serveHttp({ ...service, read, write });
    const lines = Array.from({ length: 8 }, (_, i) => ({
      id: `line-${i}`,
      title: 'T',
      text: `${Math.random()}`,
    }));
    const { text } = await door.send('POST', '/v1/documents/import', {
      token,
      raw: lines.map((line) => JSON.stringify(line)).join('\n'),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    await door.close();
    return text
      .trim()
      .split('\n')
      .map((line) => {
        const outcome = JSON.parse(line) as { status: string; error?: { code: string } };
        return outcome.error?.code ?? outcome.status;
      });
  }

  it.each<[string, Ending, number, string]>([
    [
      'a token that was revoked',
      (token) => http.send('POST', '/v1/revocations', { token: admin, json: { kind: 'token', token } }),
      60,
      'unauthenticated',
    ],
    ['a token that has expired', () => sleep(3_000), 2, 'unauthenticated'],
    ['an agent that another may no longer act for', removeLast, 60, 'delegation_not_allowed'],
    [
      'an agent that was suspended',
      () => http.send('PATCH', '/v1/agents/feeder', { token: admin, json: { state: 'suspended' } }),
      60,
      'agent_not_allowed',
    ],
  ])('%s', async (_, end, lifetime, code) => {
    const told = await imported(service.read, end, lifetime);
    expect(told.length).toBeLessThan(8);
    expect(told.at(-1)).toBe(code);
    expect(told.slice(0, -1)).toEqual(told.slice(1).map(() => 'published'));
    expect((await service.write.documents.find('default', 'line-7'))?.hash).toBeUndefined();
  });

  it('and the test sees it where nobody asks', async () => {
    await http.send('PATCH', '/v1/agents/feeder', { token: admin, json: { state: 'active' } });
    const identity = { ...service.read.identity, requireStanding: async () => {} };
    const end: Ending = async (token) => {
      await http.send('POST', '/v1/revocations', { token: admin, json: { kind: 'token', token } });
      await removeLast();
    };
    const told = await imported({ ...service.read, identity }, end, 60);
    expect(told).toEqual(Array.from({ length: 8 }, () => 'published'));
  });
});
