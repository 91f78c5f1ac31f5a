import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { WritePath } from '../../ingest/ingest.ts';
import { settle } from '../../ingest/publish.ts';
import { openService, type Service } from '../../src/compose.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { realParts } from '../support/real-parts.ts';
import { type Deployment, deploy } from './deployment.ts';
import { startObservers } from './observers.ts';
import { differences } from './settled.ts';
import { tokensOf } from './tokens.ts';
import { freshWord, newDocument, newWorld, type World } from './world.ts';
import { carryOut, startWriters } from './writers.ts';

const PATIENCE_MS = 30_000;
const UNSHARED_FINDS = 'd2: mallory finds something by w2v1x';

const asItIs = (path: WritePath): WritePath => path;
const hidesNothing = (path: WritePath): WritePath => ({
  ...path,
  documents: { ...path.documents, hide: async () => {} },
});
const swapsTextFirst = (path: WritePath): WritePath => ({
  ...path,
  documents: {
    ...path.documents,
    enqueueNarrow: async () => {},
    async stage(tenant, owned, document) {
      const version = await path.documents.stage(tenant, owned, document, undefined);
      await settle(path, owned.no);
      return version;
    },
  },
});

describe.skipIf(realParts() === undefined)('what watches the kills', () => {
  let deployment: Deployment;
  let service: Service;
  let http: Http | undefined;

  beforeEach(async () => {
    deployment = await deploy();
    service = await openService(deployment.config, () => {});
  });
  afterEach(async () => {
    await http?.close();
    await service?.close();
    await deployment?.close();
  });

  async function worldOn(write: WritePath): Promise<World> {
    http = await serveHttp({ ...service, write });
    return newWorld([{ name: 'only', url: http.url }], await tokensOf(deployment));
  }

  /** Until someone is shown what they should not be. */
  async function observe(path: (path: WritePath) => WritePath, patienceMs: number): Promise<World> {
    const world = await worldOn(path(service.write));
    const writers = startWriters(world, { writers: 4, documents: 8 });
    const observers = startObservers(world, 3);
    const end = Date.now() + patienceMs;
    while (!world.faults.some((fault) => fault.includes('was shown')) && Date.now() < end) await sleep(20);
    await Promise.all([writers.stop(), observers.stop()]);
    return world;
  }

  it.each([
    ['no old version is hidden', hidesNothing],
    ['the text is swapped before the relationships', swapsTextFirst],
  ])('sees it where %s', async (_, path) => {
    const { faults } = await observe(path, PATIENCE_MS);
    expect(faults).toContainEqual(expect.stringContaining('was shown'));
  });

  it('and nothing where the order is right', async () => {
    const { faults, counts } = await observe(asItIs, 3_000);
    expect(faults).toEqual([]);
    expect(counts.get('passages seen')).toBeGreaterThan(0);
  });

  it('sees an answer that has no record, and a record that was changed', async () => {
    const world = await worldOn(service.write);
    const document = newDocument(world);
    await carryOut(world, document, { kind: 'put', word: freshWord(document), readers: ['anne'] });
    await http?.close();
    const audit = { append: async () => {} };
    http = await serveHttp({ ...service, read: { ...service.read, audit } });
    const unrecorded = newWorld([{ name: 'only', url: http.url }], world.tokens);
    unrecorded.documents.push(...world.documents);
    const observers = startObservers(unrecorded, 2);
    for (const end = Date.now() + PATIENCE_MS; unrecorded.decisions.size === 0 && Date.now() < end; )
      await sleep(20);
    await observers.stop();
    await deployment.database.query(`UPDATE audit SET record = jsonb_set(record, '{issuer}', '"nobody"')`);
    const found = await differences(deployment, unrecorded);
    expect(found).toContainEqual(expect.stringMatching(/^answer .* has no record$/));
    expect(found).toContainEqual(expect.stringMatching(/^audit trail: record 1 of segment/));
  });

  it('sees in the end what is lost, too much or half there', async () => {
    const world = await worldOn(service.write);
    for (let n = 0; n < 6; n += 1) {
      const document = newDocument(world);
      await carryOut(world, document, { kind: 'put', word: freshWord(document), readers: ['anne', 'bob'] });
    }
    expect(await differences(deployment, world)).toEqual([]);

    const { database, openfga, store } = deployment;
    const viewer = (name: string, id: string) => ({
      user: `user:${name}`,
      relation: 'viewer',
      object: `document:${id}`,
    });
    const no = (id: string) => `(SELECT no FROM documents WHERE id = '${id}')`;
    await database.query(`UPDATE documents SET published_version = NULL WHERE id = 'd0'`);
    await openfga.write(store, { writes: [], deletes: [viewer('anne', 'd1')] }, 'strict');
    await openfga.write(store, { writes: [viewer('mallory', 'd2')], deletes: [] }, 'strict');
    await database.query(`DELETE FROM chunks WHERE document_no = ${no('d3')} AND ordinal > 1`);
    await database.query(
      `INSERT INTO outbox (document_no, step, version, due_at)
       VALUES (${no('d4')}, 'publish', 1, now() + interval '1 day')`,
    );
    await database.query(
      `INSERT INTO versions (document_no, version, title, metadata, text_hash) VALUES (${no('d5')}, 2, '', '{}', '')`,
    );
    // What is written in OpenFGA itself comes into the permission index with the follower's next turn.
    let found = await differences(deployment, world);
    for (const end = Date.now() + PATIENCE_MS; !found.includes(UNSHARED_FINDS) && Date.now() < end; ) {
      found = await differences(deployment, world);
    }
    for (const said of [
      'd0 is absent, and should be w0v1x for anne+bob',
      'd1 is w1v1x for bob, and should be w1v1x for anne+bob',
      UNSHARED_FINDS,
      expect.stringMatching(/^d3: sentence \d+ is missing$/),
      '1 steps in the outbox',
      '2 versions that are not the published one',
    ])
      expect(found).toContainEqual(said);
  });
});
