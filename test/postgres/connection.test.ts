import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/adapters/postgres/database.ts';
import { openServer, serverConnection } from '../../src/adapters/postgres/server.ts';
import { type FreshDatabase, freshDatabase, needRealParts, realParts } from '../support/real-parts.ts';

describe.skipIf(realParts() === undefined)('a server', () => {
  let fresh: FreshDatabase;
  const open: { close(): Promise<unknown> }[] = [];
  const opened = <T extends { close(): Promise<unknown> }>(one: T): T => {
    open.push(one);
    return one;
  };
  beforeAll(async () => {
    fresh = await freshDatabase();
  });
  afterAll(() => fresh?.close());
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close();
  });

  const answers = (database: Database) => expect(database.query('SELECT 1 AS one')).resolves.toBeDefined();
  const unavailable = (detail: string) =>
    expect.objectContaining({ code: 'store_unavailable', message: expect.stringContaining(detail) });

  it('that has no connection to spare says so, and serves again', async () => {
    const database = opened(openServer(fresh.ownerUrl, { poolSize: 1 }));
    let meanwhile: unknown;
    await database.transaction(async () => {
      meanwhile = await database.query('SELECT 1').catch((error: unknown) => error);
      expect(database.connections()).toEqual({ open: 1, idle: 0, waiting: 0 });
    });
    expect(meanwhile).toEqual(unavailable('no connection to spare'));
    await answers(database);
  });

  it('cancels a statement that takes too long, and one that waits for a lock', async () => {
    const settings = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
    const limited = opened(openServer(fresh.ownerUrl));
    const unhurried = opened(openServer(fresh.ownerUrl, { unhurried: true }));
    const ask = async (database: Database) => {
      const select = settings.map((name) => `current_setting('${name}') AS ${name}`).join();
      return (await database.query<Record<string, string>>(`SELECT ${select}`)).rows[0];
    };
    expect(Object.values((await ask(limited)) ?? {})).toEqual(['8s', '5s', '15s']);
    expect(Object.values((await ask(unhurried)) ?? {})).toEqual(['0', '0', '0']);

    const hasty = opened(openDatabase({ ...serverConnection(fresh.ownerUrl), statement_timeout: 50 }));
    await expect(hasty.query('SELECT pg_sleep(5)')).rejects.toEqual(unavailable('took too long'));
    const queued = opened(openDatabase({ ...serverConnection(fresh.ownerUrl), lock_timeout: 50 }));
    await limited.transaction(async (tx) => {
      await tx.query(`SELECT pg_advisory_xact_lock(1)`);
      await expect(queued.query('SELECT pg_advisory_lock(1)')).rejects.toEqual(unavailable('took too long'));
    });
  });

  it('that is silent is given up, also in a transaction, and its connection never used again', async () => {
    const silent = await silentProxy(fresh.ownerUrl);
    open.push(silent);
    const config = { ...serverConnection(silent.url), query_timeout: 200, max: 1 };
    const database = opened(openDatabase(config));
    for (const ask of [
      () => database.query('SELECT 1'),
      () => database.transaction((tx) => tx.query('SELECT 1')),
      () => database.reading('', (tx) => Promise.all([tx.query('SELECT 1'), tx.query('SELECT 2')])),
    ]) {
      await answers(database);
      silent.hush(true);
      await expect(ask()).rejects.toEqual(unavailable('took too long'));
      silent.hush(false);
      await answers(database);
    }
  });

  it('whose connections are cut is found again', async () => {
    const database = opened(openServer(fresh.serviceUrl, { poolSize: 3 }));
    const admin = opened(openServer(fresh.url, { poolSize: 1 }));
    const cut = () =>
      admin.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'clearance' AND usename = 'clearance_app'`);
    await Promise.all([answers(database), answers(database), answers(database)]);
    await expect(
      database.transaction(async (tx) => {
        await cut();
        await tx.query('SELECT 1');
      }),
    ).rejects.toEqual(unavailable('does not answer'));
    // An idle one may be found dead only when it is used.
    await vi.waitFor(() => answers(database));
  });

  describe('that turns read-only', () => {
    const write = (database: Database) =>
      database.transaction((tx) => tx.query('CREATE TABLE IF NOT EXISTS written (a int)'));
    /** What a failover does to the connections there are, as `verify` sees none of it. */
    const demote = (database: Database) => database.query('SET default_transaction_read_only = on');

    it('is left for one that takes writes, without a restart', async () => {
      const database = opened(openServer(fresh.ownerUrl, { poolSize: 1 }));
      for (const fail of [() => write(database), () => database.query('CREATE TABLE no (a int)')]) {
        await demote(database);
        await expect(fail()).rejects.toEqual(unavailable('takes no writes'));
        await expect(write(database)).resolves.toBeDefined();
      }
    });

    it('and all its connections at once, not each at its own failure', async () => {
      const database = opened(openServer(fresh.ownerUrl, { poolSize: 4 }));
      // Four transactions at a time are on four connections.
      const ready = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
      await Promise.all(
        ready.map(({ resolve }) =>
          database.transaction(async (tx) => {
            await tx.query('SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY');
            resolve();
            await Promise.all(ready.map(({ promise }) => promise));
          }),
        ),
      );
      await expect(write(database)).rejects.toEqual(unavailable('takes no writes'));
      for (let i = 0; i < 4; i += 1) await expect(write(database)).resolves.toBeDefined();
    });

    it('is not even read: what it has may be old', async () => {
      const other = await freshDatabase(needRealParts().postgres);
      open.push(other);
      const name = new URL(other.url).pathname.slice(1);
      const admin = opened(openServer(needRealParts().postgres.adminUrl, { poolSize: 1 }));
      await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      const database = opened(openServer(other.ownerUrl));
      await expect(database.query('SELECT 1')).rejects.toEqual(unavailable('takes no writes'));
      await expect(
        opened(openDatabase(serverConnection(other.ownerUrl))).query('SELECT 1'),
      ).resolves.toBeDefined();
      await admin.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
      await answers(database);
    });
  });
});

/** Passes everything on, or swallows what the server says. */
async function silentProxy(
  url: string,
): Promise<{ url: string; hush(on: boolean): void; close(): Promise<void> }> {
  const target = new URL(url);
  let hushed = false;
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
    client.pipe(upstream);
    upstream.on('data', (data) => {
      if (!hushed) client.write(data);
    });
  });
  const listening = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', listening.resolve);
  await listening.promise;
  const { port } = server.address() as AddressInfo;
  return {
    url: Object.assign(new URL(url), { host: `127.0.0.1:${port}` }).href,
    hush: (on) => {
      hushed = on;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
