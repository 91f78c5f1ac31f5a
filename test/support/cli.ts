import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';

export const root = join(import.meta.dirname, '../..');
const program = join(root, 'src/doors/cli/main.ts');

export type Env = Readonly<Record<string, string>>;
export type Finished = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};
export type Running = {
  readonly pid: number;
  readonly ended: Promise<Finished>;
  readonly output: () => string;
  hasEnded(): boolean;
  /** The first match in its output so far and to come. Rejects where it ends without one. */
  said(pattern: RegExp): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
};

const started = new Set<ChildProcess>();
const folders: string[] = [];

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  // The store of a killed command ends by itself, and writes until then.
  for (const folder of folders) await until(() => removed(folder), `the removal of ${folder}`);
});

/** The path of the script that `npm start` and `npm run demo` run, once it is sure that it installs nothing. */
export function readyScript(): string {
  const stamp = join(root, 'node_modules/.clearance-ready');
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
    throw new Error('Run "node scripts/ready.mjs" first: this would install under the running tests.');
  }
  return join(root, 'scripts/ready.mjs');
}

/** A path in the temporary folder that goes at the end of the test file. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'clearance-cli-'));
  folders.push(folder);
  return folder;
}

/** The command line as its users run it, in a process of its own with none of our settings. */
export function start(args: readonly string[], env: Env = {}): Running {
  return startCommand(process.execPath, [program, ...args], env);
}

export function run(args: readonly string[], env: Env = {}): Promise<Finished> {
  return start(args, env).ended;
}

export function startCommand(command: string, args: readonly string[], env: Env = {}, cwd = root): Running {
  const { PATH = '', HOME = '', TMPDIR } = process.env;
  const child = spawn(command, args, {
    cwd,
    env: { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.add(child);
  const seen = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => (seen[stream] += text));
  }
  let over = false;
  const ended = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      over = true;
      started.delete(child);
      resolve({ code, signal, ...seen });
    });
  });
  const output = () => seen.stdout + seen.stderr;
  return {
    pid: child.pid ?? 0,
    ended,
    output,
    hasEnded: () => over,
    kill: (signal) => void child.kill(signal),
    async said(pattern) {
      for (;;) {
        const match = pattern.exec(output());
        if (match) return match;
        if (over) throw new Error(`ended without saying ${pattern.source}:\n${output()}`);
        await sleep(10);
      }
    },
  };
}

export type Served = Running & { readonly url: string };

/** `clearance serve` on a free port, once it listens. */
export async function serve(dataDir: string, env: Env = {}): Promise<Served> {
  const service = start(['serve'], { CLEARANCE_DATA_DIR: dataDir, PORT: '0', ...env });
  const [, url = ''] = await service.said(/^Clearance listens on (\S+) /m);
  return { ...service, url };
}

/** A copy of a data folder that nobody has open: making one takes seconds. */
export function copyOf(template: string): string {
  const folder = freshFolder();
  cpSync(template, folder, { recursive: true });
  return folder;
}

/** The process of the store of a data folder, and the command that started it, if there is one. */
export function storeOf(dataDir: string): { readonly pid: number; readonly ownerPid: number } | undefined {
  try {
    return JSON.parse(readFileSync(join(dataDir, 'store.json'), 'utf8')) as { pid: number; ownerPid: number };
  } catch {
    return undefined;
  }
}

/** There, and no zombie that nobody has collected yet. */
export function isAlive(pid: number): boolean {
  const status = `/proc/${pid}/status`;
  return existsSync(status) && !readFileSync(status, 'utf8').includes('State:\tZ');
}

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`timed out: ${what}`);
    await sleep(20);
  }
}

function removed(folder: string): boolean {
  try {
    rmSync(folder, { recursive: true, force: true });
    return true;
  } catch {
    return false;
  }
}
