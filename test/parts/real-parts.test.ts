import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { ownOpenFga, ownPostgres } from '../support/own-parts.ts';
import { freshDatabase, realParts } from '../support/real-parts.ts';

const parts = realParts();

async function rows(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

async function createStore(openfga: { apiUrl: string; token: string }): Promise<number> {
  const response = await fetch(`${openfga.apiUrl}/stores`, {
    method: 'POST',
    headers: { authorization: `Bearer ${openfga.token}`, 'content-type': 'application/json' },
    body: '{"name":"mine"}',
  });
  return response.status;
}

async function storeNames(openfga: { apiUrl: string; token: string }): Promise<string> {
  const response = await fetch(`${openfga.apiUrl}/stores`, {
    headers: { authorization: `Bearer ${openfga.token}` },
  });
  return response.text();
}

describe.skipIf(parts === undefined)('real parts', () => {
  test('a fresh database has pgvector, belongs to the owner, and goes when it is closed', async () => {
    const database = await freshDatabase();
    await rows(database.ownerUrl, 'CREATE TABLE mine (v vector(3))');
    await expect(rows(database.serviceUrl, 'SELECT * FROM mine')).rejects.toThrow('permission denied');
    await database.close();
    await expect(rows(database.url, 'SELECT 1')).rejects.toThrow('does not exist');
  });

  test("the service's role can't make tables, nor the owner's reach OpenFGA's database", async () => {
    const { serviceUrl, ownerUrl } = parts?.postgres ?? { serviceUrl: '', ownerUrl: '' };
    await expect(rows(serviceUrl, 'CREATE TABLE mine ()')).rejects.toThrow('permission denied');
    const other = Object.assign(new URL(ownerUrl), { pathname: 'openfga' }).href;
    await expect(rows(other, 'SELECT 1')).rejects.toThrow('permission denied');
  });

  test('OpenFGA wants its key', async () => {
    const openfga = parts?.openfga ?? { apiUrl: '', token: '' };
    expect(await createStore({ ...openfga, token: 'another' })).toBe(401);
  });
});

describe.skipIf(parts?.native === undefined)('native parts', () => {
  test("OpenFGA's role can't reach Clearance's database", async () => {
    const uri = parts?.native?.server.datastoreUri ?? '';
    expect(await rows(uri, 'SELECT current_user AS role')).toEqual([{ role: 'openfga' }]);
    const other = Object.assign(new URL(uri), { pathname: 'clearance' }).href;
    await expect(rows(other, 'SELECT 1')).rejects.toThrow('permission denied');
  });
});

describe.skipIf(parts?.native === undefined)("a test's own parts", () => {
  test('Postgres keeps what was committed over a kill -9, at the same address, and its certificate holds', async () => {
    const own = await ownPostgres();
    const { adminUrl } = own.postgres;
    await rows(adminUrl, 'CREATE TABLE kept (x int); INSERT INTO kept VALUES (7)');
    await own.kill();
    await expect(rows(adminUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await own.restart();
    const secured = `${adminUrl}?sslmode=verify-full&sslrootcert=${own.caFile}`;
    expect(await rows(secured, 'SELECT x, ssl FROM kept, pg_stat_ssl WHERE pid = pg_backend_pid()')).toEqual([
      { x: 7, ssl: true },
    ]);
    await own.stop();
    await expect(rows(adminUrl, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await own.close();
  });

  test('OpenFGA on a database keeps its stores over a kill -9; in memory it loses them', async () => {
    const database = await freshDatabase();
    const [onDisk, inMemory] = await Promise.all([ownOpenFga({ datastoreUri: database.url }), ownOpenFga()]);
    for (const own of [onDisk, inMemory]) {
      expect(await createStore(own.openfga)).toBe(201);
      await own.kill();
      await expect(storeNames(own.openfga)).rejects.toThrow('fetch failed');
      await own.restart();
    }
    expect(await storeNames(onDisk.openfga)).toContain('mine');
    expect(await storeNames(inMemory.openfga)).not.toContain('mine');
    await onDisk.close();
    await inMemory.close();
    await database.close();
  });
});
