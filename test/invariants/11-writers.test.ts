import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WritePath } from '../../ingest/ingest.ts';
import { settle } from '../../ingest/publish.ts';
import { writeRelationships } from '../../ingest/write-relationships.ts';
import { readDocument } from '../../src/retrieve/read-document.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let hr: string;
let itDesk: string;
let admin: string;
let anne: string;
const folder = { user: 'user:eve', relation: 'viewer', object: 'folder:shared' };

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  hr = await service.token('hr-sync', { scopes: ['ingest'], source: 'hr' });
  itDesk = await service.token('it-sync', { scopes: ['ingest'], source: 'it' });
  admin = await service.token('root', { scopes: ['admin'] });
  anne = await service.token('anne');
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const body = (text: string, readers: readonly string[]) => ({
  title: 'T',
  text,
  relationships: readers.map((user) => ({ user, relation: 'viewer' })),
});
const write = (door: Http, token: string, id: string, text: string, readers = ['user:anne']) =>
  door.send('PUT', `/v1/documents/${id}`, { token, json: body(text, readers) });
const textOf = async (id: string) => (await readDocument(service.read, anne, id)).passages[0]?.text;

/** A write path that skips the source checks: every document is said to be the writer's own, and nobody looks again. */
function skipping(path: WritePath, source: string): WritePath {
  const { documents } = path;
  const owners = new Map<number, string>();
  const owner = (owned: { no: number }) => ({ no: owned.no, source: owners.get(owned.no) ?? source });
  return {
    ...path,
    documents: {
      ...documents,
      async claim(...asked) {
        const row = await documents.claim(...asked);
        owners.set(row.no, row.source);
        return { ...row, source };
      },
      async find(...asked) {
        const row = await documents.find(...asked);
        if (row?.source !== undefined) owners.set(row.no, row.source);
        return row && { ...row, source };
      },
      stage: (tenant, owned, ...rest) => documents.stage(tenant, owner(owned), ...rest),
      enqueueNarrow: (owned, ...rest) => documents.enqueueNarrow(owner(owned), ...rest),
      enqueuePublish: (owned, ...rest) => documents.enqueuePublish(owner(owned), ...rest),
      enqueueDelete: (owned) => documents.enqueueDelete(owner(owned)),
    },
  };
}

describe('an ingest token writes only the documents of its source', () => {
  it('also where an id changes hands while its new text is embedded', async () => {
    const forIt = await writer(service, { source: 'it' });
    await put(service.write, forIt, 'memo', 'For IT.', ['user:anne']);
    const { documents, embeddings } = service.write;
    const handedOver: WritePath = {
      ...service.write,
      embeddings: {
        ...embeddings,
        async embed(texts) {
          // As another copy of the service would, which doesn't wait for this one's turn.
          const row = await documents.find('default', 'memo');
          await documents.enqueueDelete({ no: row?.no ?? 0, source: 'it' });
          await settle(service.write, row?.no ?? 0);
          await documents.claim('default', 'memo', 'hr');
          return embeddings.embed(texts);
        },
      },
    };
    await expect(put(handedOver, forIt, 'memo', 'For IT, again.', ['user:anne'])).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    expect(await documents.find('default', 'memo')).toMatchObject({ source: 'hr', chunks: 0 });
  });

  it("and not another source's", async () => {
    const unguarded = await serveHttp({ ...service, write: skipping(service.write, 'it') });
    await write(http, hr, 'contract', 'The contract.');
    expect(await write(unguarded, itDesk, 'contract', 'Overwritten.')).toMatchObject({ status: 200 });
    expect(await textOf('contract')).toBe('Overwritten.');
    expect(await unguarded.send('DELETE', '/v1/documents/contract', { token: itDesk })).toMatchObject({
      status: 204,
    });
    await unguarded.close();

    await write(http, hr, 'contract', 'The contract.');
    const forbidden = { status: 403, body: { code: 'forbidden' } };
    expect(await write(http, itDesk, 'contract', 'Overwritten.', ['user:eve'])).toMatchObject(forbidden);
    expect(await http.send('DELETE', '/v1/documents/contract', { token: itDesk })).toMatchObject(forbidden);
    expect(await textOf('contract')).toBe('The contract.');
    await expect(readDocument(service.read, await service.token('eve'), 'contract')).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('nor through an import, where the other lines go in', async () => {
    await write(http, hr, 'payroll', 'The payroll.');
    const lines = ['payroll', 'network'].map((id) =>
      JSON.stringify({ id, ...body('Imported.', ['user:anne']) }),
    );
    const answer = await http.send('POST', '/v1/documents/import', {
      token: itDesk,
      raw: lines.join('\n'),
      headers: { 'content-type': 'application/x-ndjson' },
    });
    expect(
      answer.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toMatchObject([
      { line: 1, document_id: 'payroll', status: 'rejected', error: { code: 'forbidden' } },
      { line: 2, document_id: 'network', status: 'published' },
    ]);
    expect(await textOf('payroll')).toBe('The payroll.');
  });

  it('takes an id that its former source has given up, and not one minute before', async () => {
    await write(http, hr, 'relay', 'Of hr.');
    expect(await write(http, itDesk, 'relay', 'Of it.')).toMatchObject({ status: 403 });
    await http.send('DELETE', '/v1/documents/relay', { token: hr });
    expect(await write(http, itDesk, 'relay', 'Of it.')).toMatchObject({ status: 201 });
    expect(await write(http, hr, 'relay', 'Of hr.')).toMatchObject({ status: 403 });
  });

  it('stays in its tenant', async () => {
    await write(http, hr, 'ledger', 'The ledger.');
    const foreign = await service.token('hr-sync', { scopes: ['ingest'], source: 'hr', tenant: 'other' });
    expect(await write(http, foreign, 'ledger', 'Another ledger.')).toMatchObject({ status: 201 });
    expect(await textOf('ledger')).toBe('The ledger.');
  });

  it('and an administrator writes every document', async () => {
    await write(http, hr, 'policy', 'The policy.');
    expect(await write(http, admin, 'policy', 'The new policy.')).toMatchObject({ status: 200 });
    expect(await write(http, hr, 'policy', 'The policy, again.')).toMatchObject({ status: 200 });
  });
});

describe('relationships of other objects', () => {
  it('need an administrator', async () => {
    const asAdmin = { ...(await writer(service)), admin: true };
    expect(await writeRelationships(service.write, asAdmin, { writes: [folder] })).toEqual({
      written: 1,
      deleted: 0,
    });
    await service.write.relationships.write('default', { writes: [], deletes: [folder] });

    const change = (token: string) =>
      http.send('POST', '/v1/relationships', { token, json: { writes: [folder] } });
    for (const token of [hr, itDesk, anne])
      expect(await change(token)).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    await expect(
      writeRelationships(service.write, await writer(service), { writes: [folder] }),
    ).rejects.toMatchObject({ code: 'forbidden' });
    expect(await service.write.relationships.ofObject('default', folder.object)).toEqual([]);
    expect(await change(admin)).toMatchObject({ status: 200, body: { written: 1, deleted: 0 } });
  });

  it('can not be named in a PUT', async () => {
    const json = {
      ...body('Mine.', []),
      relationships: [{ user: 'user:eve', relation: 'viewer', object: 'folder:shared' }],
    };
    const answer = await http.send('PUT', '/v1/documents/mine', { token: hr, json });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_document' } });
    expect(answer.body.detail).toMatch(/object/);
  });

  it('are left as they are by a PUT, which replaces only its own', async () => {
    await service.write.relationships.write('default', { writes: [folder], deletes: [] });
    await write(http, hr, 'one', 'One.', ['user:anne']);
    await write(http, hr, 'two', 'Two.', ['user:anne']);
    await write(http, hr, 'one', 'One.', ['user:bob']);
    const of = (object: string) => service.write.relationships.ofObject('default', object);
    expect(await of('document:one')).toEqual([
      { user: 'user:bob', relation: 'viewer', object: 'document:one' },
    ]);
    expect(await of('document:two')).toEqual([
      { user: 'user:anne', relation: 'viewer', object: 'document:two' },
    ]);
    expect(await of('folder:shared')).toEqual([folder]);
  });
});

describe('a token without the scope', () => {
  it('writes nothing', async () => {
    const forbidden = { status: 403, body: { code: 'forbidden' } };
    expect(await write(http, anne, 'note', 'A note.')).toMatchObject(forbidden);
    expect(await http.send('DELETE', '/v1/documents/contract', { token: anne })).toMatchObject(forbidden);
    const ndjson = { raw: '{}', headers: { 'content-type': 'application/x-ndjson' } };
    expect(await http.send('POST', '/v1/documents/import', { token: anne, ...ndjson })).toMatchObject(
      forbidden,
    );
  });

  it('reads nothing', async () => {
    for (const token of [hr, admin]) {
      expect(await http.send('POST', '/v1/retrieve', { token, json: { query: 'contract' } })).toMatchObject({
        status: 403,
      });
      expect(await http.send('GET', '/v1/documents/contract', { token })).toMatchObject({ status: 403 });
    }
  });

  it('and without a source is no ingest token at all', async () => {
    await expect(service.token('hr-sync', { scopes: ['ingest'] })).rejects.toThrow(/source/);
    await expect(
      put(service.write, await writer(service, { source: 'it' }), 'contract', 'No.'),
    ).rejects.toMatchObject({ code: 'forbidden' });
  });
});
