import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LEAVE, type StoreMessage, storeMessage } from './messages.ts';

/** `.ts` from the sources, `.js` once built. */
const program = fileURLToPath(new URL(`./store-process${extname(import.meta.url)}`, import.meta.url));

/** A clean end writes a checkpoint; past this many ms it is killed, which loses nothing but time at the next start. */
const STOP_MS = 15_000;

export type StoreChild = {
  readonly pid: number;
  /** Settles once: with `ready`, `failed`, or `left` where it ended before either. */
  readonly started: Promise<StoreMessage | { kind: 'left' }>;
  readonly exited: Promise<void>;
  /** Whether it waits, or has waited, for the lock. */
  readonly waiting: () => boolean;
  leave(): void;
  stop(): Promise<void>;
};

export function startStoreChild(folder: string, socketFolder: string): StoreChild {
  const child = fork(program, [folder, socketFolder], {
    // Not the owner's: an inspector's port or a test runner's loader is its own.
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = Promise.withResolvers<void>();
  const started = Promise.withResolvers<StoreMessage | { kind: 'left' }>();
  let waiting = false;
  child.on('message', (raw) => {
    const message = storeMessage.parse(raw);
    if (message.kind === 'waiting') waiting = true;
    else started.resolve(message);
  });
  child.once('exit', () => {
    started.resolve({ kind: 'left' });
    exited.resolve();
  });
  child.once('error', (error) => {
    started.resolve({ kind: 'failed', reason: error.message });
    exited.resolve();
  });
  // An owner that has nothing else to do may end; the store ends with it.
  void started.promise.then(() => keepAlive(child, false));
  return {
    pid: child.pid ?? 0,
    started: started.promise,
    exited: exited.promise,
    waiting: () => waiting,
    leave: () => {
      if (child.connected) child.send(LEAVE, () => undefined);
    },
    stop: async () => {
      keepAlive(child, true);
      if (child.connected) child.disconnect();
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited.promise;
      clearTimeout(timer);
    },
  };
}

function keepAlive(child: ChildProcess, alive: boolean): void {
  if (alive) {
    child.ref();
    child.channel?.ref();
  } else {
    child.unref();
    child.channel?.unref();
  }
}
