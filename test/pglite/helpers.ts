import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Pool, type PoolClient } from 'pg';
import { afterAll } from 'vitest';
import { type EmbeddedStore, openEmbeddedStore } from '../../src/adapters/pglite/embedded-store.ts';

const root = mkdtempSync(join(realpathSync(tmpdir()), 'clearance-test-'));
const commands = new Set<ChildProcess>();
const releases: (() => Promise<void>)[] = [];
let folders = 0;

afterAll(async () => {
  for (const command of commands) command.kill('SIGKILL');
  for (const release of releases.toReversed()) await release();
  // The store of a killed command ends by itself, and removes files until then.
  await until(() => {
    try {
      rmSync(root, { recursive: true, force: true });
      return true;
    } catch {
      return false;
    }
  }, 'the removal of the folders');
}, 60_000);

export function freshFolder(): string {
  folders += 1;
  return join(root, String(folders));
}

let template: Promise<string> | undefined;

/** A folder with a database, the table `acks` in it, copied: making one takes seconds. */
export async function readyFolder(folder = freshFolder()): Promise<string> {
  template ??= (async () => {
    const made = freshFolder();
    const store = await openEmbeddedStore(made);
    const pool = new Pool(store.connection);
    await pool.query('CREATE TABLE acks (n int PRIMARY KEY)');
    await pool.end();
    await store.close();
    return made;
  })();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  cpSync(await template, folder, { recursive: true });
  return folder;
}

export async function openStore(folder: string): Promise<EmbeddedStore> {
  const store = await openEmbeddedStore(folder);
  releases.push(() => store.close());
  return store;
}

export function openPool(store: EmbeddedStore): Pool {
  const pool = new Pool({ ...store.connection, max: 50 });
  // A lost connection is told on the pool where it was idle, on the client where it was not.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  releases.push(() => (pool.ended ? Promise.resolve() : pool.end()));
  return pool;
}

/** Cuts the client's connection without a word, as the end of its process would. */
export function cut(client: PoolClient): void {
  client.release(new Error('cut'));
}

type Line = { owned?: boolean; n?: number; error?: string };
export type Command = {
  readonly pid: number;
  first: Promise<Line>;
  acks: number[];
  kill(): Promise<void>;
  stop(): Promise<void>;
};

export function startCommand(folder: string, mode: 'hold' | 'insert'): Command {
  const program = fileURLToPath(new URL('./command.ts', import.meta.url));
  const child = spawn(process.execPath, [program, folder, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
  commands.add(child);
  const first = Promise.withResolvers<Line>();
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const acks: number[] = [];
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as Line;
    if (line.n === undefined) first.resolve(line);
    else acks.push(line.n);
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await exited;
    commands.delete(child);
  };
  return {
    pid: child.pid ?? 0,
    first: first.promise,
    acks,
    kill: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
  };
}

export function storePid(folder: string): number {
  return (JSON.parse(readFileSync(join(folder, 'store.json'), 'utf8')) as { pid: number }).pid;
}

export function isAlive(pid: number): boolean {
  // Present, and not a zombie that nobody has collected yet.
  const status = `/proc/${pid}/status`;
  if (existsSync('/proc/self'))
    return existsSync(status) && !readFileSync(status, 'utf8').includes('State:\tZ');
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`timed out: ${what}`);
    await sleep(20);
  }
}
