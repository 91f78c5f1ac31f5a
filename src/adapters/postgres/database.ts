import pg from 'pg';
import { isReadOnly, storeError } from './outage.ts';

/** The only thing that the product knows of its store: a Postgres that answers SQL. */
export type Queryable = {
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<pg.QueryResult<Row>>;
};

export type Database = Queryable & {
  /**
   * As `query`, planned once for each connection: planning takes longer than a look-up by key does. For fixed texts
   * only, whose best plan does not depend on the values.
   */
  prepared<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<Row>>;
  /**
   * Runs `work` in one transaction: all of it or nothing. Keep it short, for an embedded store has one session. `settings`
   * are SQL, `SET LOCAL …`, and cost no round trip of their own.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>, settings?: string): Promise<T>;
  /**
   * The same for what only reads, and for statements that fail outside a transaction or do no harm there: its beginning goes
   * with the first of them, and nobody waits for its end.
   */
  reading<T>(settings: string, work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** Calls and connections that failed since the start. */
  failures(): number;
  /** Connections there are, those among them that do nothing, and callers who wait for one. */
  connections(): { readonly open: number; readonly idle: number; readonly waiting: number };
  close(): Promise<void>;
};

// int8: our counters and keys stay far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export function openDatabase(config: pg.PoolConfig): Database {
  let failures = 0;
  const onFailure = () => {
    failures += 1;
  };
  let pool = openPool(config, onFailure);
  let closed = false;

  const names = new Map<string, string>();
  const nameOf = (text: string): string => {
    const name = names.get(text) ?? `s${names.size}`;
    names.set(text, name);
    return name;
  };

  async function run<T>(work: (pool: pg.Pool) => Promise<T>): Promise<T> {
    const used = pool;
    try {
      return await work(used);
    } catch (error) {
      // After a failover all connections may lead to the former primary; new ones find the new one.
      if (isReadOnly(error) && used === pool && !closed) {
        pool = openPool(config, onFailure);
        void used.end();
      }
      const told = storeError(error);
      if (told !== error) onFailure();
      throw told;
    }
  }

  return {
    prepared: (text, values) => run((pool) => pool.query({ name: nameOf(text), text, values })),
    query: (text, values) => run((pool) => pool.query(text, values)),
    transaction: (work, settings) => run((pool) => inTransaction(pool, work, settings)),
    reading: (settings, work) => run((pool) => inReading(pool, work, settings)),
    failures: () => failures,
    connections: () => ({ open: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close() {
      closed = true;
      return pool.end();
    },
  };
}

function openPool(config: pg.PoolConfig, onFailure: () => void): pg.Pool {
  // A statement goes out at once, behind those before it, if its caller does not wait for these.
  const pool = new pg.Pool({ max: 10, connectionTimeoutMillis: 10_000, pipeline: true, ...config });
  // A connection that breaks fails the query at hand and is replaced; without a listener it would end the process.
  pool.on('error', onFailure);
  pool.on('connect', (client) => client.on('error', onFailure));
  return pool;
}

async function inTransaction<T>(
  pool: pg.Pool,
  work: (tx: Queryable) => Promise<T>,
  settings = '',
): Promise<T> {
  const { tx, leave } = watched(await pool.connect());
  try {
    await tx.query(`BEGIN; ${settings}`);
    const result = await work(tx);
    await tx.query('COMMIT');
    leave();
    return result;
  } catch (error) {
    await tx.query('ROLLBACK').catch(() => {});
    leave();
    throw error;
  }
}

async function inReading<T>(
  pool: pg.Pool,
  work: (tx: Queryable) => Promise<T>,
  settings: string,
): Promise<T> {
  const { tx, leave } = watched(await pool.connect());
  try {
    const [begun, worked] = [tx.query(`BEGIN READ ONLY; ${settings}`), work(tx)];
    // Before the connection is given back, nobody may have more to ask of it.
    await Promise.allSettled([begun, worked]);
    await begun;
    return await worked;
  } finally {
    void tx.query('ROLLBACK').then(leave, leave);
  }
}

/** A connection, and what gives it back. */
function watched(client: pg.PoolClient): { readonly tx: Queryable; readonly leave: () => void } {
  let broken = false;
  return {
    tx: {
      async query(text, values) {
        try {
          if (broken) throw new Error('The connection has failed.');
          return await client.query(text, values);
        } catch (error) {
          // No answer of the server's: whatever comes over this connection later may belong to this query.
          broken ||= !(error instanceof pg.DatabaseError);
          throw error;
        }
      },
    },
    leave: () => client.release(broken),
  };
}
