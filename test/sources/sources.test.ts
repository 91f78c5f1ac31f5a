import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WritePath } from '../../ingest/ingest.ts';
import type { RelationshipChanges } from '../../ingest/parse.ts';
import type { AuditRecord } from '../../src/ports/audit.ts';
import type { SourceChange } from '../../src/types/source.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let production: Http;
let admin: string;
let hr: string;
let anne: string;

const source = { owner: 'user:carl', purpose: 'Documents of the HR system.' };
const group = { type: 'group', relations: ['member'] };
const joins = (user: string, name = 'eng') => ({ user, relation: 'member', object: `group:${name}` });

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  production = await serveHttp({ ...service, write: { ...service.write, unregisteredSources: 'nothing' } });
  admin = await service.token('root', { scopes: ['admin'] });
  hr = await service.token('hr-sync', { scopes: ['ingest'], source: 'hr' });
  anne = await service.token('anne');
});
afterAll(async () => {
  await production.close();
  await http.close();
  await service.close();
});

const sources = (method: string, id = 'hr', json?: unknown, token = admin) =>
  http.send(method, `/v1/sources/${id}`, { token, ...(json === undefined ? {} : { json }) });
const put = (door: Http, id: string, token = hr) =>
  door.send('PUT', `/v1/documents/${id}`, {
    token,
    json: { title: id, text: `About ${id}.`, relationships: [{ user: 'user:anne', relation: 'viewer' }] },
  });
const change = (json: RelationshipChanges, door = http, token = hr) =>
  door.send('POST', '/v1/relationships', { token, json });
const refused = (because: RegExp) => ({
  status: 403,
  body: { code: 'source_not_allowed', detail: expect.stringMatching(because) },
});
const forbidden = (because: RegExp) => ({
  status: 403,
  body: { code: 'forbidden', detail: expect.stringMatching(because) },
});
const members = () => service.write.relationships.ofObject('default', 'group:eng');

describe('a source', () => {
  it('that nobody has registered may write its documents in development, and nothing in production', async () => {
    expect(await put(http, 'one')).toMatchObject({ status: 201 });
    expect(await put(production, 'two')).toMatchObject(refused(/"hr" is not registered/));
    expect(await production.send('DELETE', '/v1/documents/one', { token: hr })).toMatchObject(
      refused(/not registered/),
    );
    expect(await change({ writes: [joins('user:eve')] }, production)).toMatchObject(
      refused(/not registered/),
    );
    const imported = await production.send('POST', '/v1/documents/import', {
      token: hr,
      raw: JSON.stringify({ id: 'three', title: 'T', text: 'Three.' }),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(imported.text).toMatch(/"status":"rejected".*"source_not_allowed"/);
    expect(
      await production.send('PUT', '/v1/documents/by-admin', {
        token: admin,
        json: { title: 'T', text: 'By an administrator.' },
      }),
    ).toMatchObject({ status: 201 });
  });

  it('that is registered may write its documents, in production too', async () => {
    expect(await sources('PUT', 'hr', source)).toMatchObject({
      status: 201,
      body: { id: 'hr', standing: 'active', owner: 'user:carl', grants: [], created_by: 'user:root' },
    });
    expect(await put(production, 'two')).toMatchObject({ status: 201 });
    expect(await production.send('DELETE', '/v1/documents/two', { token: hr })).toMatchObject({
      status: 204,
    });
  });

  it.each<[string, SourceChange, SourceChange, RegExp]>([
    ['suspended', { state: 'suspended' }, { state: 'active' }, /is suspended/],
    ['without an owner', { owner: null }, { owner: 'user:carl' }, /has no owner/],
  ])('that is %s may write nothing, until it is put right', async (_, bad, back, because) => {
    await sources('PATCH', 'hr', { grants: [group] });
    expect(await sources('PATCH', 'hr', bad)).toMatchObject({ status: 200 });
    expect(await put(http, 'three')).toMatchObject(refused(because));
    expect(await change({ writes: [joins('user:eve')] })).toMatchObject(refused(because));
    expect(await http.send('DELETE', '/v1/documents/one', { token: hr })).toMatchObject(refused(because));
    expect(await sources('PATCH', 'hr', back)).toMatchObject({ status: 200, body: { standing: 'active' } });
    expect([200, 201]).toContain((await put(http, 'three')).status);
    await sources('PATCH', 'hr', { grants: [] });
  });

  it('that is suspended half-way through an import is stopped there', async () => {
    const { documents } = service.write;
    const slow = await serveHttp({
      ...service,
      write: {
        ...service.write,
        documents: {
          ...documents,
          async claim(...asked) {
            await sources('PATCH', 'hr', { state: 'suspended' });
            return documents.claim(...asked);
          },
        },
      },
    });
    const lines = Array.from({ length: 8 }, (_, i) =>
      JSON.stringify({ id: `i${i}`, title: 'T', text: `I ${i}.` }),
    );
    const { text } = await slow.send('POST', '/v1/documents/import', {
      token: hr,
      raw: lines.join('\n'),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    await slow.close();
    await sources('PATCH', 'hr', { state: 'active' });
    expect(text).toMatch(/"line":1,.*"published"/);
    expect(text).toMatch(/"line":8,.*"source_not_allowed"/);
  });

  it('of another tenant is another source', async () => {
    await sources('PATCH', 'hr', { grants: [group] });
    const tenant = 'elsewhere';
    const token = await service.token('hr-sync', { scopes: ['ingest'], source: 'hr', tenant });
    expect(await change({ writes: [joins('user:eve')] }, http, token)).toMatchObject(
      forbidden(/not granted/),
    );
    expect(await put(production, 'x', token)).toMatchObject(refused(/not registered/));
    await sources('PATCH', 'hr', { grants: [] });
  });
});

/** A write path in which every source is granted all. */
function trusting({ ...path }: WritePath): WritePath {
  const everything = ['group', 'folder'].map((type) => ({
    type,
    relations: ['member', 'viewer', 'editor', 'owner', 'parent'],
  }));
  return {
    ...path,
    sources: {
      find: async (...asked) =>
        (await path.sources.find(...asked)).map((each) => ({ ...each, grants: everything })),
    },
  };
}

describe('a grant', () => {
  it('is needed to put anyone into a group', async () => {
    const unguarded = await serveHttp({ ...service, write: trusting(service.write) });
    expect(await change({ writes: [joins('user:eve')] }, unguarded)).toMatchObject({ status: 200 });
    await change({ deletes: [joins('user:eve')] }, unguarded);
    await unguarded.close();

    expect(await change({ writes: [joins('user:eve')] })).toMatchObject(
      forbidden(/"hr" was not granted "member" of "group"/),
    );
    expect(await change({ deletes: [joins('user:eve')] })).toMatchObject(forbidden(/not granted/));
    expect(await members()).toEqual([]);
  });

  it('is for exactly its types and relations, all or none', async () => {
    expect(await sources('PATCH', 'hr', { grants: [group] })).toMatchObject({ body: { grants: [group] } });
    expect(await change({ writes: [joins('user:bob')] })).toMatchObject({
      status: 200,
      body: { written: 1 },
    });
    const viewer = { user: 'user:bob', relation: 'viewer', object: 'folder:shared' };
    expect(await change({ writes: [viewer] })).toMatchObject(forbidden(/"viewer" of "folder"/));
    expect(await change({ writes: [joins('user:eve'), viewer] })).toMatchObject(
      forbidden(/"viewer" of "folder"/),
    );
    expect(await change({ writes: [joins('user:eve')], deletes: [viewer] })).toMatchObject(
      forbidden(/folder/),
    );
    expect(await members()).toEqual([joins('user:bob')]);
    expect(await change({ deletes: [joins('user:bob')] })).toMatchObject({
      status: 200,
      body: { deleted: 1 },
    });
  });

  it('never reaches a document, by whatever side it is named, and be it its own', async () => {
    await sources('PATCH', 'hr', { grants: [group, { type: 'folder', relations: ['viewer', 'parent'] }] });
    const stored = service.registry.sources;
    const [known] = await stored.find('default', ['hr']);
    if (known === undefined) throw new Error('no source');
    // Not by the registry, which refuses such a grant.
    const grants = [...known.grants, { type: 'document', relations: ['viewer', 'owner'] }];
    await stored.put('default', { ...known, grants }, known.revision);
    await put(http, 'theirs', await service.token('it-sync', { scopes: ['ingest'], source: 'it' }));
    for (const object of ['document:theirs', 'document:one', 'document:new']) {
      const tuple = { user: 'user:eve', relation: 'viewer', object };
      expect(await change({ writes: [tuple] })).toMatchObject(forbidden(/with their documents/));
      expect(await change({ deletes: [tuple] })).toMatchObject(forbidden(/with their documents/));
      expect(await change({ writes: [joins(`${object}#viewer`)] })).toMatchObject(forbidden(/with their/));
    }
    await sources('PATCH', 'hr', { grants: [group] });
  });

  it('is taken away from the next write on', async () => {
    await sources('PATCH', 'hr', { grants: [] });
    expect(await change({ writes: [joins('user:bob')] })).toMatchObject(forbidden(/not granted/));
  });

  it.each<[string, unknown]>([
    ['a type that the model lacks', [{ type: 'spaceship', relations: ['pilot'] }]],
    ['a relation that the type lacks', [{ type: 'group', relations: ['pilot'] }]],
    ['documents', [{ type: 'document', relations: ['viewer'] }]],
    ['no relation', [{ type: 'group', relations: [] }]],
    ['a type twice', [group, group]],
    ['what is no name', [{ type: 'group:eng', relations: ['member'] }]],
  ])('of %s is refused', async (_, grants) => {
    expect(await sources('PATCH', 'hr', { grants })).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
  });
});

describe('the registry of sources', () => {
  it('is for administrators', async () => {
    for (const token of [hr, anne]) {
      expect(await sources('PUT', 'mine', source, token)).toMatchObject(forbidden(/scope/));
      expect(await sources('PATCH', 'hr', { grants: [group] }, token)).toMatchObject(forbidden(/scope/));
      expect(await sources('DELETE', 'hr', undefined, token)).toMatchObject(forbidden(/scope/));
      expect(await sources('GET', 'hr', undefined, token)).toMatchObject(forbidden(/scope/));
      expect(await http.send('GET', '/v1/sources', { token })).toMatchObject(forbidden(/scope/));
    }
  });

  it('lists, notes reviews and forgets', async () => {
    expect(await sources('PATCH', 'hr', { reviewed: true })).toMatchObject({
      body: { reviewed_by: 'user:root' },
    });
    expect(await sources('PUT', encodeURIComponent('a wiki'), source)).toMatchObject({ status: 201 });
    expect(await http.send('GET', '/v1/sources', { token: admin })).toMatchObject({
      body: { sources: [{ id: 'a wiki' }, { id: 'hr' }], next: null },
    });
    expect(await sources('DELETE', encodeURIComponent('a wiki'))).toMatchObject({ status: 204 });
    expect(await sources('GET', encodeURIComponent('a wiki'))).toMatchObject({ status: 404 });
    expect(await sources('PUT', 'admin', source)).toMatchObject({ status: 400 });
  });

  it('changes nothing that is not in the audit trail, with what was before and after', async () => {
    const records: AuditRecord[] = [];
    const audit = { append: async (record: AuditRecord) => void records.push(record) };
    const recording = await serveHttp({ ...service, registry: { ...service.registry, audit } });
    await recording.send('PATCH', '/v1/sources/hr', { token: admin, json: { grants: [group] } });
    await recording.close();
    expect(records).toMatchObject([
      { event: 'write_source', details: { before: { grants: [] }, after: { grants: [group] } } },
    ]);
  });
});

describe('the audit record of a write', () => {
  let records: AuditRecord[];
  let recording: Http;
  beforeAll(async () => {
    recording = await serveHttp({
      ...service,
      write: { ...service.write, audit: { append: async (record) => void records.push(record) } },
    });
  });
  afterAll(() => recording.close());
  const viewed = (id: string, user: string) => `document:${id} viewer ${user}`;

  it('says which version and which relationships a document had, and is to have', async () => {
    records = [];
    await put(recording, 'paper');
    await recording.send('PUT', '/v1/documents/paper', {
      token: hr,
      json: { title: 'paper', text: 'Another.', relationships: [{ user: 'user:bob', relation: 'viewer' }] },
    });
    await recording.send('PUT', '/v1/documents/paper', {
      token: hr,
      json: { title: 'paper', text: 'Another.' },
    });
    await recording.send('DELETE', '/v1/documents/paper', { token: hr });
    const [anne, bob] = [viewed('paper', 'user:anne'), viewed('paper', 'user:bob')];
    expect(records.map(({ event, details }) => [event, details.before, details.after])).toEqual([
      ['write_document', { relationships: [] }, { version: 1, relationships: [anne] }],
      ['write_document', { version: 1, relationships: [anne] }, { version: 2, relationships: [bob] }],
      ['write_document', { version: 2, relationships: [bob] }, { version: 2, relationships: [bob] }],
      ['delete_document', { version: 2, relationships: [bob] }, undefined],
    ]);
  });

  it('says which relationships were there before', async () => {
    await change({ writes: [joins('user:bob')] }, http, admin);
    records = [];
    await change(
      { writes: [joins('user:carl'), joins('user:bob')], deletes: [joins('user:dan')] },
      recording,
      admin,
    );
    expect(records).toMatchObject([
      {
        event: 'write_relationships',
        details: {
          writes: ['group:eng member user:carl', 'group:eng member user:bob'],
          deletes: ['group:eng member user:dan'],
          before: ['group:eng member user:bob'],
        },
      },
    ]);
  });
});
