import { connect } from 'node:net';
import type { Pool } from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { socketFile } from '../../src/adapters/pglite/data-folder.ts';
import { cut, freshFolder, openPool, openStore, until } from './helpers.ts';

let pool: Pool;
let socket: string;

beforeAll(async () => {
  const store = await openStore(freshFolder());
  pool = openPool(store);
  socket = socketFile(store.connection.host);
  await pool.query('CREATE TABLE notes (id int PRIMARY KEY, embedding vector(3))');
}, 60_000);

describe('the embedded store, to its clients', () => {
  it('stores and compares vectors', async () => {
    await pool.query('INSERT INTO notes SELECT * FROM unnest($1::int[], $2::vector[])', [
      [1, 2],
      ['[1,0,0]', '[0,1,0]'],
    ]);
    const { rows } = await pool.query('SELECT id FROM notes ORDER BY embedding <#> $1 LIMIT 1', ['[0,2,0]']);
    expect(rows).toEqual([{ id: 2 }]);
  });

  it('gives each of many concurrent queries its own answer or error', async () => {
    const answers = await Promise.all(
      Array.from({ length: 300 }, async (_, n) => {
        if (n % 3 === 0) return pool.query('SELECT $1::int AS n', [n]).then(({ rows }) => rows[0].n);
        if (n % 3 === 1)
          return pool.query('SELECT $1::text, $2::int AS n', ['x', n]).then(({ rows }) => rows[0].n);
        return pool
          .query(`nonsense ${n} $1`, [n])
          .catch((error: Error) => (/syntax/.test(error.message) ? n : error));
      }),
    );
    expect(answers).toEqual(Array.from({ length: 300 }, (_, n) => n));
  });

  it('commits on durable storage', async () => {
    const { rows } = await pool.query(
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS sync`,
    );
    expect(rows).toEqual([{ fsync: 'on', sync: 'on' }]);
  });

  it('isolates the transactions of two clients', async () => {
    const [writer, reader] = [await pool.connect(), await pool.connect()];
    await writer.query('BEGIN');
    await writer.query("INSERT INTO notes VALUES (10, '[1,1,1]')");
    let read = false;
    const count = reader.query('SELECT count(*)::int AS n FROM notes WHERE id = 10').then(({ rows }) => {
      read = true;
      return rows[0].n;
    });
    await writer.query('SELECT 1');
    expect(read).toBe(false);
    await writer.query('ROLLBACK');
    expect(await count).toBe(0);
    writer.release();
    reader.release();
  });

  it.each(['INSERT INTO notes VALUES (20)', 'nonsense'])(
    'rolls the transaction of a client that vanishes back and lets the others go on, after: %s',
    async (statement) => {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query(statement).catch(() => undefined);
      const waiting = pool.query('SELECT count(*)::int AS n FROM notes WHERE id = 20');
      cut(client);
      expect((await waiting).rows).toEqual([{ n: 0 }]);
    },
  );

  it('is not upset by a client that vanishes in the middle of an exchange', async () => {
    const raw = connect(socket);
    const startup = Buffer.from('\0\0\0\x08\0\x03\0\0', 'latin1');
    // A Parse that fails, then a Flush and no Sync: the session skips all messages up to the next Sync.
    const failing = Buffer.from('P\0\0\0\x0d\0selec\0\0\0H\0\0\0\x04', 'latin1');
    raw.write(Buffer.concat([startup, failing]));
    const { promise, resolve } = Promise.withResolvers<void>();
    raw.on('data', (data) => data.includes('syntax error') && resolve());
    await promise;
    raw.destroy();
    expect((await pool.query('SELECT $1::int AS n', [7])).rows).toEqual([{ n: 7 }]);
  });

  it('keeps the named statements of its clients apart, and drops those of one that is gone', async () => {
    const [one, two] = [await pool.connect(), await pool.connect()];
    for (let round = 0; round < 2; round++) {
      expect((await one.query({ name: 's', text: 'SELECT 1 AS n' })).rows).toEqual([{ n: 1 }]);
      expect((await two.query({ name: 's', text: 'SELECT $1::int AS n', values: [2] })).rows).toEqual([
        { n: 2 },
      ]);
    }
    cut(one);
    cut(two);
    await until(
      async () =>
        (await pool.query('SELECT FROM pg_prepared_statements WHERE name <> $1', [''])).rowCount === 0,
      'the end of the statements',
    );
  });

  it('ends a connection that does not speak the protocol', async () => {
    const raw = connect(socket);
    raw.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise((resolve) => raw.once('close', resolve).resume());
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
  });
});
