import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { endProcesses } from '../../scripts/parts/processes.ts';

/** Where Postgres's own user can reach it. */
const PARENT = '/var/tmp';
const PREFIX = 'clearance-test-';

/** A folder for parts of this process's own. */
export function ownFolder(): string {
  const folder = mkdtempSync(join(PARENT, `${PREFIX}${process.pid}-`));
  chmodSync(folder, 0o711);
  return folder;
}

/** Ends what runs in such a folder, and removes it. */
export async function removeOwnFolder(folder: string): Promise<void> {
  for (const place of [folder, join(folder, 'postgres/data')]) await endProcesses(place, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

/** Parts outlive a test process that was interrupted. */
export async function removeLeftOvers(): Promise<void> {
  for (const name of readdirSync(PARENT).filter((name) => name.startsWith(PREFIX))) {
    const pid = name.slice(PREFIX.length).split('-')[0] ?? '';
    if (!existsSync(`/proc/${pid}`)) await removeOwnFolder(join(PARENT, name));
  }
}
