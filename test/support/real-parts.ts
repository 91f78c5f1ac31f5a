import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import type { RealParts } from '../../scripts/parts/addresses.ts';

/**
 * The Postgres and the OpenFGA server that this run has, shared by all its tests: work in a database and a store of your
 * own. Undefined: there are none, and `global-setup.ts` has said so; `describe.skipIf(realParts() === undefined)`.
 */
export function realParts(): RealParts | undefined {
  return inject('realParts');
}

/** For code that runs only where there are real parts. */
export function needRealParts(): RealParts {
  const parts = realParts();
  if (parts === undefined)
    throw new Error('There are no real parts: skip this suite where realParts() is undefined.');
  return parts;
}

export type FreshDatabase = {
  /** As superuser. */
  readonly url: string;
  /** As `clearance_owner`, who owns it. */
  readonly ownerUrl: string;
  /** As `clearance_app`, who may connect. */
  readonly serviceUrl: string;
  /** Ends every connection to it and drops it. */
  close(): Promise<void>;
};

/** An empty database like the one that `deploy/postgres-init.sql` makes, with pgvector in it. */
export async function freshDatabase(
  postgres: RealParts['postgres'] = needRealParts().postgres,
): Promise<FreshDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const on = (url: string): string => Object.assign(new URL(url), { pathname: name }).href;
  const url = on(postgres.adminUrl);
  await execute(
    postgres.adminUrl,
    `CREATE DATABASE ${name} OWNER clearance_owner TEMPLATE template0`,
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    `GRANT CONNECT ON DATABASE ${name} TO clearance_service`,
  );
  await execute(url, 'CREATE EXTENSION vector');
  return {
    url,
    ownerUrl: on(postgres.ownerUrl),
    serviceUrl: on(postgres.serviceUrl),
    close: () => execute(postgres.adminUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

async function execute(url: string, ...statements: readonly string[]): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
