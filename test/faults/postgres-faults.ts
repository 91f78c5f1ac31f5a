import { setTimeout as sleep } from 'node:timers/promises';
import type { PoolClient } from 'pg';
import { newAuthority } from '../support/fault-proxy/certificates.ts';
import { type Impostor, postgresImpostor } from '../support/fault-proxy/impostor.ts';
import type { WireFault } from '../support/fault-proxy/wire.ts';
import { operations } from './operations.ts';
import type { Fault } from './run.ts';
import type { World } from './world.ts';

const unavailable = '503 store_unavailable';

/** By what the operation was at: its audit record, or the pins and the ledger that a check needs. */
const anyPart = `${unavailable} or 503 audit_unavailable or 503 engine_unavailable`;

/** Postgres can't be used: nothing is released and nothing is kept. */
const gone: Fault['expected'] = {
  retrieve: unavailable,
  'retrieve without rights': unavailable,
  'read a document': unavailable,
  'put a new document': unavailable,
  'narrow its readers': unavailable,
  'delete a document': unavailable,
  'change relationships': unavailable,
  'start a session': unavailable,
  readyz: unavailable,
};

function onWire(name: string, fault: WireFault): Fault {
  return {
    name,
    expected: gone,
    begin: ({ postgres }) => postgres.wire.fail(fault),
    end: ({ postgres }) => postgres.wire.heal(),
  };
}

function impostor(name: string, stranger: () => Impostor): Fault {
  let told: Impostor['told'] = [];
  return {
    name,
    expected: gone,
    async begin({ postgres }) {
      const impostor = stranger();
      told = impostor.told;
      await postgres.wire.fail({ kind: 'taken over', by: impostor.by });
    },
    async end({ postgres }) {
      await postgres.wire.heal();
      if (told.length > 0) throw new Error(`an impostor was told ${Buffer.concat(told).toString()}`);
    },
  };
}

/** Of the service's database, whose name is a plain word. */
const databaseOf = ({ config }: World): string => new URL(config.database?.url ?? '').pathname.slice(1);

async function dropConnections({ admin }: World): Promise<void> {
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
  );
}

const tooManyConnections: Fault = {
  name: 'too many connections',
  expected: gone,
  async begin(world) {
    // Superusers don't count.
    await world.admin.query(`ALTER DATABASE ${databaseOf(world)} CONNECTION LIMIT 0`);
    await dropConnections(world);
  },
  end: async (world) =>
    void (await world.admin.query(`ALTER DATABASE ${databaseOf(world)} CONNECTION LIMIT -1`)),
};

async function setReadOnly({ admin }: World, value: 'on' | 'off'): Promise<void> {
  const client = await admin.connect();
  try {
    await client.query('SET default_transaction_read_only = off');
    await client.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    await client.query('SELECT pg_reload_conf()');
    // Each server process reads its settings again in its own time.
    await sleep(300);
  } finally {
    client.release(true);
  }
}

/** As a former primary after a failover: connections stay, and nothing can be written. */
const readOnly: Fault = {
  name: 'a primary that goes read-only',
  expected: {
    ...gone,
    'read a document': anyPart,
    'put a new document': anyPart,
    'narrow its readers': anyPart,
    'delete a document': anyPart,
    'change relationships': anyPart,
    // Which only reads, where nobody has written before it.
    readyz: `${unavailable} or 200`,
  },
  begin: (world) => setReadOnly(world, 'on'),
  end: (world) => setReadOnly(world, 'off'),
};

/** Held in one transaction until it is let go: `release`. */
function holding(...statements: readonly string[]) {
  let client: PoolClient | undefined;
  return {
    async take({ admin }: World) {
      client = await admin.connect();
      client.on('error', () => {});
      await client.query('BEGIN');
      for (const statement of statements) await client.query(statement);
    },
    release: () => client?.release(true),
  };
}

async function untilWaiting({ admin }: World, count: number): Promise<void> {
  for (;;) {
    const { rows } = await admin.query<{ waiting: number }>(
      `SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    if ((rows[0]?.waiting ?? 0) >= count) return;
    await sleep(20);
  }
}

/** As many sessions as there are connections wait for a lock; everyone else waits for a connection. */
function poolExhausted(): Fault {
  const lock = holding('LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE');
  let waiting: Promise<unknown> = Promise.resolve();
  return {
    name: 'pool exhausted',
    expected: gone,
    async begin(world) {
      const size = world.config.database?.poolSize ?? 0;
      await lock.take(world);
      waiting = Promise.all(Array.from({ length: size }, () => operations['start a session'].run(world)));
      await untilWaiting(world, size);
    },
    async end() {
      lock.release();
      await waiting;
    },
  };
}

/** Each operation has come to where it writes, or reads text, and waits there when the server is killed. */
function killed(): Fault {
  const lock = holding(
    'LOCK TABLE outbox IN EXCLUSIVE MODE',
    'LOCK TABLE chunk_texts IN ACCESS EXCLUSIVE MODE',
    'SELECT FROM engine_stores FOR UPDATE',
  );
  const expected: Fault['expected'] = {
    retrieve: unavailable,
    'read a document': unavailable,
    'put a new document': unavailable,
    'narrow its readers': unavailable,
    'delete a document': unavailable,
    'change relationships': unavailable,
  };
  return {
    name: 'killed in the middle of a transaction',
    expected,
    begin: (world) => lock.take(world),
    async during(world) {
      await untilWaiting(world, Object.keys(expected).length);
      await world.postgres.own.kill();
    },
    async end(world) {
      lock.release();
      await world.postgres.own.restart();
    },
  };
}

/** One after another, on one service. */
export const quickFaults: readonly Fault[] = [
  onWire('connection refused', { kind: 'refused' }),
  onWire('reset in the middle of an answer', { kind: 'reset' }),
  impostor('a certificate of another authority', () => postgresImpostor(newAuthority().issue('127.0.0.1'))),
  impostor('a server without TLS', () => postgresImpostor()),
  tooManyConnections,
  poolExhausted(),
];

/** Each takes its time: on services of their own, all at once. */
export const slowFaults: readonly Fault[] = [
  onWire('accepted and silent', { kind: 'silent' }),
  onWire('10 s latency', { kind: 'late', ms: 10_000 }),
  // Below the limit of one query: those of one request add up, to the limit of a whole request.
  {
    ...onWire('6 s latency', { kind: 'late', ms: 6_000 }),
    expected: { retrieve: unavailable, 'read a document': anyPart },
  },
];

/** Of the server itself, so that no other service may be on it. */
export const serverFaults: readonly Fault[] = [readOnly, killed()];
