import pg from 'pg';
import { ClearanceError } from '../../types/errors.ts';

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
  /** Runs `work` in one transaction: all of it or nothing. Keep it short, for an embedded store has one session. */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

// int8: our counters and keys stay far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

export function openDatabase(config: pg.PoolConfig): Database {
  const pool = new pg.Pool({ max: 10, connectionTimeoutMillis: 10_000, ...config });
  // A connection that breaks fails the query at hand and is replaced; without a listener it would end the process.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));

  const names = new Map<string, string>();
  const nameOf = (text: string): string => {
    const name = names.get(text) ?? `s${names.size}`;
    names.set(text, name);
    return name;
  };

  return {
    prepared: (text, values) => orUnavailable(() => pool.query({ name: nameOf(text), text, values })),
    query: (text, values) => orUnavailable(() => pool.query(text, values)),
    transaction: (work) => orUnavailable(() => inTransaction(pool, work)),
    close: () => pool.end(),
  };
}

async function inTransaction<T>(pool: pg.Pool, work: (tx: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken = false;
  try {
    await client.query('BEGIN');
    const result = await work({ query: (text, values) => client.query(text, values) });
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {
      broken = true;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}

/** A mistake in our SQL is a fault of ours; everything else that Postgres or the socket says is an outage. */
async function orUnavailable<T>(query: () => Promise<T>): Promise<T> {
  try {
    return await query();
  } catch (error) {
    if (error instanceof ClearanceError || isOurFault(error)) throw error;
    const full = error instanceof pg.DatabaseError && error.code === DISK_FULL;
    const detail = full
      ? "The store's disk is full. Reading goes on; writing has to wait until an operator has made room."
      : 'The store does not answer. Nothing was released; try again.';
    throw new ClearanceError('store_unavailable', detail, { cause: error });
  }
}

/** SQLSTATE. */
const DISK_FULL = '53100';

/** SQLSTATE classes 22 (data), 23 (constraint) and 42 (syntax, missing table). */
function isOurFault(error: unknown): boolean {
  return error instanceof pg.DatabaseError && /^(22|23|42)/.test(error.code ?? '');
}
