import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sessions } from '../../src/ports/sessions.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
});
afterAll(async () => {
  await http.close();
  await service.close();
});

async function start(token: string): Promise<string> {
  const { body } = await http.send('POST', '/v1/sessions', { token });
  return String(body.session_id);
}
const use = (door: Http, token: string, id: string) =>
  door.send('POST', '/v1/retrieve', { token, json: { query: 'anything', session_id: id } });

describe('a session belongs to one principal', () => {
  it("answers another's, an expired and an unknown id with the same bytes", async () => {
    const [anne, bob] = [await service.token('anne'), await service.token('bob')];
    const id = await start(anne);
    expect(await use(http, anne, id)).toMatchObject({ status: 200, body: { session_id: id } });

    const carelessSessions: Sessions = {
      ...service.read.sessions,
      isOpen: async (session) => session === id,
    };
    const careless = await serveHttp({ ...service, read: { ...service.read, sessions: carelessSessions } });
    expect(await use(careless, bob, id)).toMatchObject({ status: 200, body: { session_id: id } });
    await careless.close();

    const { principal } = await service.read.identity.verify(bob);
    await service.read.sessions.create({
      id: 'expired-session',
      principal,
      keys: [],
      since: undefined,
      expiresAt: new Date(Date.now() - 1),
    });
    const unknown = await use(http, bob, 'never-existed');
    expect(unknown).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await use(http, bob, id)).toEqual(unknown);
    expect(await use(http, bob, 'expired-session')).toEqual(unknown);
  });

  it('tells a person from the same person through an agent, and one agent from another', async () => {
    const anne = await service.token('anne');
    const byBot = await service.token('anne', { actor: 'bot' });
    const byOther = await service.token('anne', { actor: 'other' });
    const [own, bots] = [await start(anne), await start(byBot)];
    const unknown = await use(http, anne, 'never-existed');
    expect(await use(http, byBot, own)).toEqual(unknown);
    expect(await use(http, anne, bots)).toEqual(unknown);
    expect(await use(http, byOther, bots)).toEqual(unknown);
    expect(await use(http, byBot, bots)).toMatchObject({ status: 200 });
  });

  it('tells tenants apart', async () => {
    const id = await start(await service.token('anne', { tenant: 'acme' }));
    expect(await use(http, await service.token('anne', { tenant: 'globex' }), id)).toMatchObject({
      status: 404,
    });
    expect(await use(http, await service.token('anne', { tenant: 'acme' }), id)).toMatchObject({
      status: 200,
    });
  });

  it("ends only by its own, and another's attempt reads like an unknown id", async () => {
    const [anne, bob] = [await service.token('anne'), await service.token('bob')];
    const id = await start(anne);
    const remove = (token: string, session: string) =>
      http.send('DELETE', `/v1/sessions/${session}`, { token });

    const endsAny: Sessions = { ...service.read.sessions, end: async () => true };
    const careless = await serveHttp({ ...service, read: { ...service.read, sessions: endsAny } });
    expect(await careless.send('DELETE', `/v1/sessions/${id}`, { token: bob })).toMatchObject({
      status: 204,
    });
    await careless.close();

    const unknown = await remove(bob, 'never-existed');
    expect(unknown).toMatchObject({ status: 404 });
    expect(await remove(bob, id)).toEqual(unknown);
    expect(await use(http, anne, id)).toMatchObject({ status: 200 });
    expect(await remove(anne, id)).toMatchObject({ status: 204, text: '' });
    expect(await use(http, anne, id)).toMatchObject({ status: 404 });
  });
});
