import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openService, type Service } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { ingest } from '../../src/doors/cli/ingest.ts';
import { developmentToken } from '../../src/operator.ts';
import { freshFolder } from '../support/cli.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { realParts } from '../support/real-parts.ts';
import { install } from '../support/real-service.ts';

const AUTHORIZATION_MODEL = fileURLToPath(new URL('../../models/time-bound.fga', import.meta.url));

type Engine = { readonly name: string; readonly there: boolean; readonly open: () => Promise<Opened> };
type Opened = { readonly config: Config; readonly service: Service; close(): Promise<void> };

const engines: readonly Engine[] = [
  {
    name: 'the embedded engine',
    there: true,
    async open(): Promise<Opened> {
      const config = readConfig({ CLEARANCE_DATA_DIR: join(freshFolder(), 'data'), AUTHORIZATION_MODEL });
      const service = await openService(config, () => {});
      return { config, service, close: () => service.close() };
    },
  },
  {
    name: 'an OpenFGA server',
    there: realParts() !== undefined,
    async open(): Promise<Opened> {
      const installation = await install({ AUTHORIZATION_MODEL });
      const config = readConfig(installation.env);
      const service = await openService(config, () => {});
      return {
        config,
        service,
        async close() {
          await service.close();
          await installation.close();
        },
      };
    },
  },
];

describe.each(engines)('access for a while, on $name', ({ there, open }) => {
  let opened: Opened;
  let http: Http;
  let admin: string;
  beforeAll(async () => {
    if (!there) return;
    opened = await open();
    http = await serveHttp(opened.service);
    admin = await token('root', ['admin']);
    const json = { title: 'plan', text: 'The harbour plan.' };
    await http.send('PUT', '/v1/documents/plan', { token: admin, json });
  });
  afterAll(async () => {
    await http?.close();
    await opened?.close();
  });

  const token = (subject: string, scopes: ('retrieve' | 'admin')[] = ['retrieve']) =>
    developmentToken(opened.config, { subject, scopes, lifetime: 600 });
  const read = async (person: string) =>
    (await http.send('GET', '/v1/documents/plan', { token: await token(person) })).status;
  const found = async (person: string) => {
    const json = { query: 'harbour' };
    const { body } = await http.send('POST', '/v1/retrieve', { token: await token(person), json });
    return { found: (body.results as unknown[]).length, complete: body.complete };
  };
  const granted = (person: string, from: number, seconds: number) => ({
    user: `user:${person}`,
    relation: 'viewer',
    object: 'document:plan',
    condition: {
      name: 'non_expired_grant',
      context: { grant_time: new Date(from).toISOString(), grant_duration: `${seconds}s` },
    },
  });
  const write = (...writes: unknown[]) =>
    http.send('POST', '/v1/relationships', { token: admin, json: { writes } });

  it.skipIf(!there)('is given just in time, and ends by itself', async () => {
    expect(await read('anne')).toBe(404);
    const begin = Date.now();
    // Half of a minute for all that is asked in between; then the same grant, of which most is over.
    expect(await write(granted('anne', begin, 30))).toMatchObject({ status: 200, body: { written: 1 } });
    expect(await read('anne')).toBe(200);
    expect(await found('anne')).toEqual({ found: 1, complete: true });
    expect(await write(granted('bob', begin, 3))).toMatchObject({ status: 200 });
    await expect.poll(() => read('bob'), { timeout: 20_000, interval: 200 }).toBe(404);
    expect(await found('bob')).toEqual({ found: 0, complete: true });
    expect(await read('anne')).toBe(200);
  });

  it.skipIf(!there)('is over at once where its end is past', async () => {
    expect(await write(granted('carl', Date.now() - 60_000, 30))).toMatchObject({ status: 200 });
    expect(await read('carl')).toBe(404);
    expect(await found('carl')).toEqual({ found: 0, complete: true });
  });

  it.skipIf(!there)('is told apart from a lasting one, which it would else be taken for', async () => {
    const { condition: _, ...lasting } = granted('carl', 0, 0);
    expect(await write(lasting)).toMatchObject({ status: 400, body: { code: 'invalid_relationship' } });
    expect(await read('carl')).toBe(404);
  });
});

it('is written by the command line too, a line a grant', async () => {
  const folder = freshFolder();
  const config = readConfig({ CLEARANCE_DATA_DIR: join(folder, 'data'), AUTHORIZATION_MODEL });
  const grant = (user: string, grant_time: string) => ({
    user,
    relation: 'viewer',
    object: 'document:notes/plan.md',
    condition: { name: 'non_expired_grant', context: { grant_time, grant_duration: '1h' } },
  });
  const [tuples, documents] = [join(folder, 'grants.ndjson'), join(folder, 'documents.ndjson')];
  const lines = [grant('user:anne', new Date().toISOString()), grant('user:bob', '2020-01-01T00:00:00Z')];
  await writeFile(tuples, lines.map((line) => JSON.stringify(line)).join('\n'));
  await writeFile(
    documents,
    JSON.stringify({ id: 'notes/plan.md', title: 'plan', text: 'The harbour plan.' }),
  );
  expect(await ingest(config, { path: documents, relationships: tuples })).toBe(0);
  const service = await openService(config, () => {});
  const door = await serveHttp(service);
  const statusOf = async (subject: string) => {
    const token = await developmentToken(config, { subject, scopes: ['retrieve'], lifetime: 60 });
    return (await door.send('GET', '/v1/documents/notes%2Fplan.md', { token })).status;
  };
  expect([await statusOf('anne'), await statusOf('bob')]).toEqual([200, 404]);
  await door.close();
  await service.close();
});
