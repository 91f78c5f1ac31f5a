import { existsSync } from 'node:fs';
import type pg from 'pg';
import { ClearanceError, StartupError } from '../../types/errors.ts';
import { type Database, openDatabase } from './database.ts';
import { READ_ONLY_DETAIL } from './outage.ts';

/** Milliseconds. */
const limits = {
  /** Waiting for a free connection, or for a new one: a service that is short of them sheds its load. */
  connectionTimeoutMillis: 2_000,
  /** Less than half of what a request has. */
  statement_timeout: 8_000,
  lock_timeout: 5_000,
  idle_in_transaction_session_timeout: 15_000,
  /** Above statement_timeout: for a server that does not even cancel. */
  query_timeout: 9_000,
};

export type ServerOptions = {
  readonly poolSize?: number;
  /** For commands that migrate, embed or restore a whole store: a statement takes as long as it needs. */
  readonly unhurried?: boolean;
};

/** A Postgres server. Nothing is connected yet. Throws a `StartupError` for a URL that can't be used. */
export function openServer(url: string, options: ServerOptions = {}): Database {
  return openDatabase({
    ...serverConnection(url, options),
    max: options.poolSize ?? 10,
    verify: (client, done) => {
      client.query<{ transaction_read_only: string }>('SHOW transaction_read_only', (error, result) => {
        if (error) done(error);
        else done(result.rows[0]?.transaction_read_only === 'on' ? readOnly() : undefined);
      });
    },
  });
}

/** A standby, or a primary that has been told to take no more writes: what is read there may be old. */
function readOnly(): ClearanceError {
  return new ClearanceError('store_unavailable', READ_ONLY_DETAIL);
}

export function serverConnection(url: string, { unhurried = false }: ServerOptions = {}): pg.ClientConfig {
  const { connectionTimeoutMillis, ...each } = limits;
  return {
    connectionString: withTls(url).href,
    application_name: 'clearance',
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    connectionTimeoutMillis: unhurried ? 10_000 : connectionTimeoutMillis,
    ...(unhurried ? {} : each),
  };
}

/** Why what is said to this database could be read or answered by another, if it could. */
export function tlsProblem(url: string): string | undefined {
  const parsed = withTls(url);
  const host = parsed.searchParams.get('host') ?? parsed.hostname;
  if (host === '' || host.startsWith('/') || ['localhost', '127.0.0.1', '[::1]'].includes(host))
    return undefined;
  return parsed.searchParams.get('sslmode') === 'verify-full'
    ? undefined
    : `the connection to ${host} is not verified: add "sslmode=verify-full", and "sslrootcert=PATH" for an authority of your own.`;
}

/**
 * libpq's `require` verifies nothing, pg 8's verifies all and pg 9's will not: so each mode that is taken is made one
 * whose meaning does not change.
 */
const modes: Readonly<Record<string, string>> = {
  disable: 'disable',
  'no-verify': 'no-verify',
  require: 'verify-full',
  'verify-ca': 'verify-full',
  'verify-full': 'verify-full',
};

function withTls(url: string): URL {
  // The parser's own error would show the password.
  if (!URL.canParse(url))
    throw new StartupError('DATABASE_URL is no URL: postgresql://user:password@host/database');
  const parsed = new URL(url);
  if (!['postgres:', 'postgresql:'].includes(parsed.protocol)) {
    throw new StartupError('DATABASE_URL must begin with postgresql://');
  }
  const asked =
    parsed.searchParams.get('sslmode') ??
    (parsed.searchParams.has('sslrootcert') ? 'verify-full' : 'disable');
  const mode = modes[asked];
  if (mode === undefined || parsed.searchParams.has('ssl') || parsed.searchParams.has('uselibpqcompat')) {
    throw new StartupError(
      `DATABASE_URL: TLS is asked for by "sslmode" alone, which is one of ${Object.keys(modes).join(', ')}.`,
    );
  }
  for (const name of ['sslrootcert', 'sslcert', 'sslkey']) {
    const path = parsed.searchParams.get(name);
    if (path !== null && !existsSync(path))
      throw new StartupError(`DATABASE_URL: no file ${path} (${name}).`);
  }
  parsed.searchParams.set('sslmode', mode);
  return parsed;
}
