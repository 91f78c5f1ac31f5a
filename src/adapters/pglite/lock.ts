import { DatabaseSync } from 'node:sqlite';

/** SQLITE_BUSY: another process holds the lock (https://sqlite.org/rescode.html#busy). */
const BUSY = 5;

/**
 * Takes the data folder's lock, or returns undefined where another process holds it. PGlite has no lock
 * of its own. SQLite's is one of the operating system's file locks: the kernel releases it when the
 * process ends, `kill -9` included, so there is no stale lock to judge.
 */
export function takeLock(path: string): { release(): void } | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
    return { release: () => database.close() };
  } catch (error) {
    database.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === BUSY) return undefined;
    throw error;
  }
}
