import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type pg from 'pg';

const directory = fileURLToPath(new URL('../../../migrations', import.meta.url));

/** Brings the schema up to date; safe to run from several processes at once. */
export async function migrate(connection: pg.ClientConfig): Promise<void> {
  await runner({
    databaseUrl: connection,
    dir: directory,
    direction: 'up',
    migrationsTable: 'schema_migrations',
    advisoryLockMode: 'wait',
    log: () => {},
  });
}

/** The names of this program's migrations, oldest first. */
export async function migrationNames(): Promise<readonly string[]> {
  const files = await readdir(directory);
  return files
    .filter((file) => file.endsWith('.sql'))
    .map((file) => file.slice(0, -'.sql'.length))
    .toSorted();
}
