import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { settle } from '../../ingest/publish.ts';
import type { OwnRelationship } from '../../src/ports/documents.ts';
import { run } from '../support/cli.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { type OwnOpenFga, ownOpenFga } from '../support/own-parts.ts';
import { type FreshDatabase, freshDatabase, needRealParts, realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';
import { openTestService, type TestService } from '../support/service.ts';

const SECRET = 'The zeppelin lands at midnight.';

/** Backups as operators make them: both databases by themselves, at moments of their own. */
describe.skipIf(realParts()?.native === undefined)('a restore', () => {
  let engineDatabase: FreshDatabase;
  let engine: OwnOpenFga;
  let installation: Installation;
  let service: TestService;
  let http: Http;

  beforeAll(async () => {
    engineDatabase = await freshDatabase();
    engine = await ownOpenFga({ datastoreUri: engineDatabase.url });
  });

  afterAll(async () => {
    await engine.close();
    await engineDatabase.close();
  });

  beforeEach(async () => {
    installation = await install({}, { postgres: needRealParts().postgres, openfga: engine.openfga });
    await open();
  });

  afterEach(async () => {
    await close();
    await installation.close();
  });

  async function open(): Promise<void> {
    service = await openTestService(installation.env);
    http = await serveHttp(service);
  }
  async function close(): Promise<void> {
    await http.close();
    await service.close();
  }

  test('of an older OpenFGA does not bring revoked access back', async () => {
    await put('plan', SECRET, ['user:anne', 'user:bob']);
    const backup = await dump(engineDatabase.url);
    await relationships({ deletes: [viewer('user:bob', 'plan')] });
    await relationships({ writes: [viewer('user:carl', 'plan')] });
    expect(await seen('bob')).toEqual({ status: 200, found: false });

    await close();
    await restoreEngine(backup);
    await open();
    // The server says that Bob may read it; nobody is asked.
    expect(await seen('bob')).toEqual({ status: 503, found: false });
    expect(await seen('anne')).toEqual({ status: 503, found: false });
    expect((await http.send('GET', '/readyz')).status).toBe(503);
    expect((await putRaw('other', 'text', [])).status).toBe(503);
    const status = () => run(['status'], installation.env);
    await expect.poll(async () => (await status()).stdout, { timeout: 20_000 }).toContain('CLOSED');
    expect((await status()).code).toBe(1);

    const dry = await run(['reconcile', '--dry-run'], installation.env);
    expect(dry.stdout).toContain('deleted from OpenFGA: document:plan viewer user:bob');
    expect(await seen('bob')).toEqual({ status: 503, found: false });
    const done = await run(['reconcile'], installation.env);
    expect(done.stdout).toContain('deleted from OpenFGA: document:plan viewer user:bob');
    expect(done.stdout).toContain('written to OpenFGA again: document:plan viewer user:carl');
    await untilOpen();
    expect(await seen('bob')).toEqual({ status: 200, found: false });
    expect(await seen('anne')).toEqual({ status: 200, found: true });
    expect(await seen('carl')).toEqual({ status: 200, found: true });
  });

  test('of an older OpenFGA under a running service is noticed before its next verdict', async () => {
    await put('plan', SECRET, ['user:anne', 'user:bob']);
    const backup = await dump(engineDatabase.url);
    await relationships({ deletes: [viewer('user:bob', 'plan')] });
    await restoreEngine(backup, () => seen('bob'));
    expect(await seen('bob')).toEqual({ status: 503, found: false });
  });

  test('of an older database shows no old text under newer relationships', async () => {
    await put('plan', SECRET, ['user:anne']);
    await put('menu', 'There is soup at noon.', ['user:anne', 'user:bob']);
    const backup = await dump(installation.database.url);
    await put('plan', 'Nothing to see here.', ['user:anne', 'user:bob']);
    await close();
    await restoreDatabase(backup);
    await open();
    expect(await seen('bob')).toEqual({ status: 503, found: false });

    const done = await run(['reconcile'], installation.env);
    expect(done.stdout).toContain('hidden until it is sent again: plan');
    expect(done.stdout).not.toContain('menu');
    await untilOpen();
    expect(await seen('bob')).toEqual({ status: 200, found: false });
    expect(await seen('anne')).toEqual({ status: 200, found: false });
    expect(await answer('bob', 'soup at noon')).toMatch(/soup at noon/);
    await put('plan', SECRET, ['user:anne']);
    expect(await seen('anne')).toEqual({ status: 200, found: true });
    expect(await seen('bob')).toEqual({ status: 200, found: false });
  });

  test('of an older database shows no old text to who joined a group since', async () => {
    await putWith('plan', SECRET, [{ user: 'group:eng#member', relation: 'viewer' }]);
    await relationships({ writes: [{ user: 'user:anne', relation: 'member', object: 'group:eng' }] });
    const backup = await dump(installation.database.url);
    await put('plan', 'Nothing to see here.');
    await relationships({ writes: [{ user: 'user:bob', relation: 'member', object: 'group:eng' }] });
    await close();
    await restoreDatabase(backup);
    await open();
    const done = await run(['reconcile'], installation.env);
    expect(done.stdout).toContain('hidden until it is sent again: plan');
    await untilOpen();
    expect(await seen('bob')).toEqual({ status: 200, found: false });
  });

  test('of an older database is noticed where only a text was written since', async () => {
    await put('plan', SECRET, ['user:anne']);
    const backup = await dump(installation.database.url);
    await put('plan', 'Nothing to see here.');
    await close();
    await restoreDatabase(backup);
    await open();
    expect(await seen('anne')).toEqual({ status: 503, found: false });
  });

  test('of an older database does not carry out again what its outbox held', async () => {
    await put('plan', 'Nothing to see here.', ['user:anne', 'user:bob']);
    // A step that waits at the moment of the backup, and is overtaken by a revocation afterwards.
    const claimed = await service.write.documents.claim('default', 'plan', 'wiki');
    await service.write.documents.enqueuePublish(claimed, claimed.version, [
      { user: 'user:anne', relation: 'viewer' },
      { user: 'user:bob', relation: 'viewer' },
    ]);
    const backup = await dump(installation.database.url);
    await settle(service.write, claimed.no);
    await put('plan', SECRET, ['user:anne']);
    await close();
    await restoreDatabase(backup);
    await open();
    const done = await run(['reconcile'], installation.env);
    expect(done.stdout).toContain('hidden until it is sent again: plan');
    await untilOpen();
    await put('plan', SECRET);
    expect(await seen('anne')).toEqual({ status: 200, found: true });
    expect(await seen('bob')).toEqual({ status: 200, found: false });
  });

  test('without the comparison brings revoked access back, which is what this file guards against', async () => {
    await put('plan', SECRET, ['user:anne', 'user:bob']);
    const backup = await dump(engineDatabase.url);
    await relationships({ deletes: [viewer('user:bob', 'plan')] });
    await close();
    await restoreEngine(backup);
    // Both marks are taken out: the service believes whatever the server says.
    await sql(installation.database.url, 'UPDATE engine_stores SET confirmed = 0, last_change = NULL');
    await open();
    expect(await seen('bob')).toEqual({ status: 200, found: true });
  });

  test('of nothing leaves both sides open, also after a crash between the two', async () => {
    await put('plan', SECRET, ['user:anne']);
    // Given out and never written: what kill -9 leaves behind.
    await sql(installation.database.url, 'UPDATE engine_stores SET generation = generation + 1');
    await close();
    await open();
    expect(await seen('anne')).toEqual({ status: 200, found: true });
    const done = await run(['reconcile'], installation.env);
    expect(done.stdout).toContain('of one history');
    expect(await seen('anne')).toEqual({ status: 200, found: true });
  });

  function viewer(user: string, id: string) {
    return { user, relation: 'viewer', object: `document:${id}` };
  }

  async function putRaw(id: string, text: string, relationships?: readonly OwnRelationship[]) {
    return http.send('PUT', `/v1/documents/${id}`, {
      token: await service.token('loader', { scopes: ['ingest'], source: 'wiki' }),
      json: { title: id, text, ...(relationships === undefined ? {} : { relationships }) },
    });
  }

  async function putWith(
    id: string,
    text: string,
    relationships?: readonly OwnRelationship[],
  ): Promise<void> {
    const { body } = await putRaw(id, text, relationships);
    expect(body.status).toBe('published');
  }

  function put(id: string, text: string, readers?: readonly string[]): Promise<void> {
    return putWith(
      id,
      text,
      readers?.map((user) => ({ user, relation: 'viewer' })),
    );
  }

  async function relationships(json: object): Promise<void> {
    const token = await service.token('root', { scopes: ['admin'] });
    expect((await http.send('POST', '/v1/relationships', { token, json })).status).toBe(200);
  }

  async function answer(subject: string, query: string): Promise<string> {
    const token = await service.token(subject);
    return (await http.send('POST', '/v1/retrieve', { token, json: { query } })).text;
  }

  async function seen(subject: string) {
    const token = await service.token(subject);
    const { status, text } = await http.send('POST', '/v1/retrieve', {
      token,
      json: { query: 'When does the zeppelin land?' },
    });
    return { status, found: text.includes('midnight') };
  }

  async function untilOpen(): Promise<void> {
    await expect.poll(async () => (await http.send('GET', '/readyz')).status, { timeout: 10_000 }).toBe(200);
  }

  /** `meanwhile` the server is away. */
  async function restoreEngine(backup: Buffer, meanwhile?: () => Promise<unknown>): Promise<void> {
    await engine.stop();
    await meanwhile?.();
    await restore(engineDatabase.url, backup);
    await engine.restart();
  }

  async function restoreDatabase(backup: Buffer): Promise<void> {
    await restore(installation.database.url, backup);
  }
});

const execute = promisify(execFile);

async function dump(url: string): Promise<Buffer> {
  const { stdout } = await execute('pg_dump', ['--format=custom', url], {
    encoding: 'buffer',
    maxBuffer: 1 << 28,
  });
  return stdout;
}

async function restore(url: string, backup: Buffer): Promise<void> {
  const running = execute('pg_restore', ['--clean', '--if-exists', `--dbname=${url}`]);
  running.child.stdin?.end(backup);
  await running;
}

async function sql(url: string, statement: string): Promise<void> {
  await execute('psql', ['--quiet', '--set=ON_ERROR_STOP=1', `--command=${statement}`, url]);
}
