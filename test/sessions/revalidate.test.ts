import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deleteDocument } from '../../ingest/ingest.ts';
import type { Writer } from '../../ingest/writer.ts';
import type { HandOvers } from '../../src/ports/hand-overs.ts';
import { MAX_CHECKED_DOCUMENTS } from '../../src/retrieve/enforce.ts';
import { revalidated } from '../../src/retrieve/revalidate.ts';
import { allowsAll } from '../support/engines.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let as: Writer;
let admin: string;

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  as = await writer(service);
  admin = await service.token('root', { scopes: ['admin'] });
});
afterAll(async () => {
  await http.close();
  await service.close();
});

type Told = Record<'drop' | 'outdated' | 'keep', { document_id: string; version: number }[]>;

const ask = async (token: string, query: string, more: Record<string, unknown> = {}, door = http) => {
  const { status, body } = await door.send('POST', '/v1/retrieve', {
    token,
    json: { query, k: 50, ...more },
  });
  expect(status).toBe(200);
  return String(body.session_id);
};
const revalidate = (token: string, id: string, door = http) =>
  door.send('POST', `/v1/sessions/${id}/revalidate`, { token });
const told = async (token: string, id: string) => {
  const { status, body } = await revalidate(token, id);
  expect(status).toBe(200);
  const names = (which: keyof Told) =>
    (body as unknown as Told)[which]
      .map(({ document_id, version }) => `${document_id} ${version}`)
      .toSorted();
  return { drop: names('drop'), outdated: names('outdated'), keep: names('keep') };
};
const change = async (changes: Record<'writes' | 'deletes', unknown[]> | { deletes: unknown[] }) =>
  expect(await http.send('POST', '/v1/relationships', { token: admin, json: changes })).toMatchObject({
    status: 200,
  });
const viewer = (user: string, document: string) => ({
  user,
  relation: 'viewer',
  object: `document:${document}`,
});

describe('what was released in a session', () => {
  it('is named again: what stays, what has to be dropped, and what is outdated', async () => {
    for (const id of ['stays', 'goes', 'changes', 'withdrawn'])
      await put(service.write, as, id, `The lantern report, ${id}.`, ['user:anne']);
    const anne = await service.token('anne');
    const id = await ask(anne, 'lantern');
    expect(await told(anne, id)).toEqual({
      drop: [],
      outdated: [],
      keep: ['changes 1', 'goes 1', 'stays 1', 'withdrawn 1'],
    });

    await change({ deletes: [viewer('user:anne', 'goes')] });
    await put(service.write, as, 'changes', 'The lantern report, anew.');
    await deleteDocument(service.write, as, 'withdrawn');
    expect(await told(anne, id)).toEqual({
      drop: ['goes 1', 'withdrawn 1'],
      outdated: ['changes 1'],
      keep: ['stays 1'],
    });
    // The new version is remembered beside the old one.
    await ask(anne, 'lantern', { session_id: id });
    expect(await told(anne, id)).toMatchObject({ outdated: ['changes 1'], keep: ['changes 2', 'stays 1'] });
  });

  it('counts for the agent, and for everyone of an audience', async () => {
    const all = ['user:carl', 'agent:bot', 'user:dora'];
    await put(service.write, as, 'of-agent', 'The meadow plan of the agent.', all);
    await put(service.write, as, 'of-room', 'The meadow plan of the room.', all);
    await put(service.write, as, 'of-both', 'The meadow plan of both.', all);
    const carl = await service.token('carl', { actor: 'bot' });
    const alone = await ask(carl, 'meadow');
    const room = await ask(carl, 'meadow', { audience: ['user:dora'] });
    await change({ deletes: [viewer('agent:bot', 'of-agent'), viewer('user:dora', 'of-room')] });
    expect(await told(carl, alone)).toMatchObject({ drop: ['of-agent 1'], keep: ['of-both 1', 'of-room 1'] });
    expect(await told(carl, room)).toMatchObject({ drop: ['of-agent 1', 'of-room 1'], keep: ['of-both 1'] });
    // What was shown to the room stays shown to it.
    await ask(carl, 'meadow', { session_id: alone, audience: ['user:dora'] });
    await change({ deletes: [viewer('user:dora', 'of-both')] });
    expect((await told(carl, alone)).drop).toContain('of-both 1');
  });

  it('is nothing that was not given: neither what came up short, nor what others were given', async () => {
    await put(service.write, as, 'seen', 'The copper ledger.', ['user:erik', 'user:fay']);
    await put(service.write, as, 'unseen', 'The copper ledger of others.', ['user:fay']);
    const [erik, fay] = [await service.token('erik'), await service.token('fay')];
    const [his, hers] = [await ask(erik, 'copper'), await ask(fay, 'copper')];
    expect(await told(erik, his)).toMatchObject({ keep: ['seen 1'], drop: [] });
    expect(await told(fay, hers)).toMatchObject({ keep: ['seen 1', 'unseen 1'] });
    const unknown = await revalidate(erik, 'never-existed');
    expect(unknown).toMatchObject({ status: 404 });
    expect(await revalidate(erik, hers)).toEqual(unknown);
    expect(await http.send('DELETE', `/v1/sessions/${his}`, { token: erik })).toMatchObject({ status: 204 });
    expect(await revalidate(erik, his)).toEqual(unknown);
  });

  it('is asked about in parts where it is more than one request may ask about', async () => {
    const documents = Array.from({ length: MAX_CHECKED_DOCUMENTS + 500 }, (_, i) => ({
      documentId: `d${i}`,
      version: 1,
      audience: [],
      current: true,
    }));
    const remembered = async () => ({ expiresAt: new Date(), documents });
    const path = { ...service.read, engine: allowsAll, sessions: { ...service.read.sessions, remembered } };
    const { principal } = await service.read.identity.verify(await service.token('jim'));
    const { drop, keep } = await revalidated(path, principal, 'any');
    expect([drop.length, keep.length]).toEqual([0, documents.length]);
  });

  it('is not told where the engine does not answer', async () => {
    await put(service.write, as, 'doubtful', 'The amber file.', ['user:gus']);
    const gus = await service.token('gus');
    const id = await ask(gus, 'amber');
    const engine = { batchCheck: () => Promise.reject(new Error('down')) };
    const dead = await serveHttp({ ...service, read: { ...service.read, engine } });
    const answer = await revalidate(gus, id, dead);
    await dead.close();
    expect(answer).toMatchObject({ status: 503, body: { code: 'engine_unavailable' } });
    expect(answer.text).not.toContain('doubtful');
  });

  it('is told from memory alone if nobody remembers: so the test can fail', async () => {
    await put(service.write, as, 'forgotten', 'The velvet file.', ['user:hal']);
    const hal = await service.token('hal');
    const forgetful: HandOvers = {
      confirm: ({ tenant, keys, since }) => service.read.handOvers.confirm({ tenant, keys, since }),
    };
    const careless = await serveHttp({ ...service, read: { ...service.read, handOvers: forgetful } });
    const id = await ask(hal, 'velvet', {}, careless);
    await careless.close();
    expect((await told(hal, id)).keep).toEqual([]);
  });

  it('is bounded: a session that is full releases no more', async () => {
    await put(service.write, as, 'one-more', 'The granite file.', ['user:ida']);
    const ida = await service.token('ida');
    const id = await ask(ida, 'nothing-of-that-kind');
    const credentials = await service.read.identity.verify(ida);
    const documents = Array.from({ length: 19_999 }, (_, i) => ({ documentId: `d${i}`, version: 1 }));
    const { tenant } = credentials.principal;
    const fill = { tenant, keys: [], since: undefined, session: { id, audience: [], documents } };
    expect(await service.read.handOvers.confirm(fill)).toBe('confirmed');
    expect(
      await http.send('POST', '/v1/retrieve', { token: ida, json: { query: 'granite', session_id: id } }),
    ).toMatchObject({ status: 409, body: { code: 'session_full' } });
    expect(await ask(ida, 'granite')).not.toBe(id);
  });
});
