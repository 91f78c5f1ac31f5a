import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Writer } from '../../ingest/writer.ts';
import { openService, type Service } from '../../src/compose.ts';
import type { Engine } from '../../src/ports/engine.ts';
import { openSessionStreams } from '../../src/retrieve/session-streams.ts';
import type { RevocationRequest } from '../../src/types/revocation.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';
import { type Listening, listen } from './listen.ts';

const PATIENCE = { timeout: 10_000, interval: 50 };

let service: TestService;
let copy: Service;
let http: Http;
/** The door of another copy of the service on the same store. */
let other: Http;
let as: Writer;
let admin: string;
let open: Listening[] = [];
let people = 0;

beforeAll(async () => {
  service = await openTestService();
  copy = await openService(service.config, () => {});
  http = await serveHttp(service);
  // When it is acknowledged is tried elsewhere.
  other = await serveHttp({ ...copy, revoking: { ...copy.revoking, settledMs: 0 } });
  as = await writer(service);
  admin = await service.token('root', { scopes: ['admin'] });
});
afterAll(async () => {
  await http.close();
  await other.close();
  await copy.close();
  await service.close();
});
beforeEach(() => {
  for (const each of open) each.stop();
  open = [];
});

/** Someone with a document of their own, who was given it and listens. */
async function listener(more: Parameters<TestService['token']>[1] = {}, door = http) {
  people += 1;
  const name = `person-${people}`;
  const readers = [
    `user:${name}`,
    ...(more.actor === undefined ? [] : [more.actor].flat().map((agent) => `agent:${agent}`)),
  ];
  await put(service.write, as, `note-${name}`, `The harbour note of ${name}.`, readers);
  const token = await service.token(name, more);
  const { body } = await http.send('POST', '/v1/retrieve', { token, json: { query: 'harbour' } });
  const session = String(body.session_id);
  const stream = await listen(door.url, session, token);
  open.push(stream);
  await vi.waitFor(() => expect(stream.events).toEqual([{ event: 'confirmed', data: {} }]), PATIENCE);
  return { name, token, session, stream, document: `note-${name}` };
}
const said = (stream: Listening) => stream.events.map(({ event }) => event);
const says = (stream: Listening, ...events: string[]) =>
  vi.waitFor(() => expect(said(stream)).toEqual(['confirmed', ...events]), PATIENCE);
const revoke = (json: RevocationRequest) => other.send('POST', '/v1/revocations', { token: admin, json });

describe('a stream of a session', () => {
  it('says what must be dropped when a relationship goes, through another copy of the service', async () => {
    const [one, bystander] = [await listener(), await listener()];
    const tuple = { user: `user:${one.name}`, relation: 'viewer', object: `document:${one.document}` };
    await other.send('POST', '/v1/relationships', { token: admin, json: { deletes: [tuple] } });
    await says(one.stream, 'drop');
    expect(one.stream.events[1]?.data).toEqual({ documents: [{ document_id: one.document, version: 1 }] });
    await put(copy.write, as, bystander.document, 'Another harbour note.');
    await says(bystander.stream, 'outdated');
    expect(new Set(said(one.stream))).toEqual(new Set(['confirmed', 'drop']));
    expect(JSON.stringify(bystander.stream.events)).not.toContain(one.document);
  });

  it.each<[string, (who: { name: string; token: string; session: string }) => RevocationRequest, string]>([
    ['the token is', ({ token }) => ({ kind: 'token', token }), 'revoked'],
    ['the person is', ({ name }) => ({ kind: 'person', user: `user:${name}` }), 'revoked'],
    ['the session is', ({ session }) => ({ kind: 'session', session_id: session }), 'session_over'],
  ])('ends when %s revoked', async (_, request, reason) => {
    const who = await listener();
    expect(await revoke(request(who))).toMatchObject({ status: 200 });
    await says(who.stream, 'ended');
    expect(who.stream.events[1]?.data).toEqual({ reason });
    await vi.waitFor(() => expect(who.stream.ended()).toBe(true), PATIENCE);
    expect((await listen(http.url, who.session, who.token)).status).toBeGreaterThanOrEqual(401);
  });

  it('ends when the agent loses its standing, or is revoked', async () => {
    const [a, b] = [await listener({ actor: 'a' }), await listener({ actor: 'b' })];
    const suspend = { token: admin, json: { state: 'suspended' } };
    expect(await other.send('PATCH', '/v1/agents/a', suspend)).toMatchObject({ status: 200 });
    await says(a.stream, 'ended');
    expect(a.stream.events[1]?.data).toEqual({ reason: 'agent_not_allowed' });
    expect(said(b.stream)).toEqual(['confirmed']);
    await revoke({ kind: 'agent', agent: 'b' });
    await says(b.stream, 'ended');
  });

  it('ends with the token', async () => {
    const who = await listener({ lifetime: 4 });
    await says(who.stream, 'ended');
    expect(who.stream.events[1]?.data).toEqual({ reason: 'expired' });
  });

  it('says when it can not tell, and when it can again', async () => {
    let engine: Engine = service.read.engine;
    const read = {
      ...service.read,
      engine: { batchCheck: (batch) => engine.batchCheck(batch) } satisfies Engine,
    };
    const streams = openSessionStreams(
      read,
      {
        watch: { look: (all) => looking(all) },
        agents: service.registry.agents,
        requireDelegated: async () => {},
      },
      () => {},
    );
    let version = 1;
    let fails = false;
    const looking: Parameters<typeof openSessionStreams>[1]['watch']['look'] = async () => {
      if (fails) throw new Error('down');
      return { versions: new Map([['default', version]]), revoked: new Set(), over: new Set() };
    };
    const door = await serveHttp({ ...service, streams });
    const { stream } = await listener({}, door);
    engine = { batchCheck: () => Promise.reject(new Error('down')) };
    version += 1;
    await says(stream, 'undetermined');
    engine = service.read.engine;
    await says(stream, 'undetermined', 'confirmed');
    fails = true;
    await says(stream, 'undetermined', 'confirmed', 'undetermined');
    fails = false;
    await says(stream, 'undetermined', 'confirmed', 'undetermined', 'confirmed');
    await streams.close();
    await door.close();
    await vi.waitFor(() => expect(stream.ended()).toBe(true), PATIENCE);
  });

  it('tells who comes late all there is to drop', async () => {
    const who = await listener();
    who.stream.stop();
    const tuple = { user: `user:${who.name}`, relation: 'viewer', object: `document:${who.document}` };
    await other.send('POST', '/v1/relationships', { token: admin, json: { deletes: [tuple] } });
    const again = await listen(other.url, who.session, who.token);
    open.push(again);
    await vi.waitFor(() => expect(said(again)).toEqual(['drop', 'confirmed']), PATIENCE);
  });

  it("is one's own, as the session is", async () => {
    const who = await listener();
    const stranger = await service.token('stranger');
    expect((await listen(http.url, who.session, stranger)).status).toBe(404);
    expect((await listen(http.url, 'never-existed', stranger)).status).toBe(404);
    expect((await listen(http.url, who.session, 'x')).status).toBe(401);
  });

  it('is not opened by who asks for its head alone, who could not close it', async () => {
    const { session, token } = await listener();
    const answer = await http.send('HEAD', `/v1/sessions/${session}/events`, { token });
    expect(answer.status).toBe(404);
  });

  it('is one of ten at most, and a place is free again when it is closed', async () => {
    const who = await listener();
    const more = async () => {
      const stream = await listen(http.url, who.session, who.token);
      open.push(stream);
      return stream;
    };
    for (let n = 1; n < 10; n += 1) expect((await more()).status).toBe(200);
    expect((await more()).status).toBe(429);
    who.stream.stop();
    await vi.waitFor(async () => expect((await more()).status).toBe(200), PATIENCE);
  });

  it('ends without a word when the service does, so that whoever listens comes back', async () => {
    const door = await serveHttp(service);
    const { stream } = await listener({}, door);
    await door.close();
    await vi.waitFor(() => expect(stream.ended()).toBe(true), PATIENCE);
    expect(said(stream)).toEqual(['confirmed']);
  });
});
