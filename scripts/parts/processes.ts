import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;
const PATIENCE_MS = 15_000;

/**
 * The processes whose working directory is this folder. A pid in a file may be another's by now; a folder that was made for
 * one part is only that part's. Linux.
 */
export function processesIn(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => workingDirectory(pid) === folder);
}

/** Signals all of them and waits until they are gone; whoever takes too long is killed. */
export async function endProcesses(folder: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  const patience = Date.now() + PATIENCE_MS;
  for (let pids = processesIn(folder); pids.length > 0; pids = processesIn(folder)) {
    for (const pid of pids) send(pid, signal);
    // Their pids too: Postgres does not start as long as the one in its lock file is in use, if only by a zombie.
    while (pids.some((pid) => send(pid, 0))) {
      if (Date.now() > patience) for (const pid of pids) send(pid, 'SIGKILL');
      await sleep(POLL_MS);
    }
  }
}

function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    // It has ended, or is another user's.
    return undefined;
  }
}

function send(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    // It has ended by itself.
    return false;
  }
}
