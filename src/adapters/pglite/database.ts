import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { DurableFiles } from './durable-files.ts';

const settings = {
  // The only sync that DurableFiles can carry out.
  wal_sync_method: 'fsync',
  // No replica reads the log, so a new index or table needn't be written to it as well.
  wal_level: 'minimal',
  max_wal_senders: 0,
  // Bounds the disk taken, and with MAINTENANCE_SQL the time that recovery takes.
  max_wal_size: '256MB',
  // A page that isn't in shared_buffers comes from the host's page cache.
  random_page_cost: 1.1,
  work_mem: '16MB',
};

const startParams = [
  // `-F` turns fsync off.
  ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
  ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
];

/**
 * PGlite has no checkpointer: the log would grow until the store ends (1.2 GB in a minute of inserts). A
 * checkpoint of 64 MB of log takes less than a second. Nor has it an autovacuum: without statistics a search
 * takes 2.5 times as long, so tables are analysed by autovacuum's own rule.
 */
export const MAINTENANCE_SQL = `DO $$ DECLARE changed regclass; BEGIN
  IF (SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), redo_lsn) > 67108864 FROM pg_control_checkpoint()) THEN
    CHECKPOINT;
  END IF;
  FOR changed IN SELECT relid FROM pg_stat_user_tables WHERE n_mod_since_analyze > 50 + 0.1 * n_live_tup LOOP
    EXECUTE format('ANALYZE %s', changed);
  END LOOP;
END $$`;
export const MAINTENANCE_MS = 5_000;

/** Not allowed in a DO block. Passes over pages that hold nothing dead, so it is quick where little has changed. */
export const VACUUM_SQL = 'VACUUM';
export const VACUUM_MS = 60_000;

/**
 * Opens the database in `folder`, making it first where there is none. `crashed` says that it was not closed;
 * `clockFile` is any file on the same file system, written just now.
 */
export async function openDatabase(folder: string, crashed: boolean, clockFile: string): Promise<PGlite> {
  // PGlite copies a new database into the folder file by file and takes a half-copied one for a whole one, so a
  // mark beside it says until the end that it isn't. Nothing was stored yet in what is thrown away here.
  const mark = join(dirname(folder), 'database.unfinished');
  if (existsSync(mark)) rmSync(folder, { recursive: true, force: true });
  const isNew = !existsSync(folder);
  if (isNew) writeFileSync(mark, '');

  const fs = new DurableFiles(folder);
  if (crashed && !isNew) await fs.syncAll(clockFile);
  const database = await PGlite.create({ fs, extensions: { vector }, startParams });
  if (isNew) await fs.syncAll(clockFile);
  fs.syncAlways();
  rmSync(mark, { force: true });
  await database.exec('CREATE EXTENSION IF NOT EXISTS vector');
  return database;
}
