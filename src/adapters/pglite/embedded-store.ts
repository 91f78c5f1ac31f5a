import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../../types/errors.ts';
import { chooseSocketFolder, PORT, prepareDataFolder, readRecord, socketFile } from './data-folder.ts';
import { type StoreChild, startStoreChild } from './store-child.ts';
import { DATABASE, startupMessage, USER } from './wire.ts';

export type EmbeddedStore = {
  /** Settings for a `pg` Pool. */
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
    /** Said outright, so that PGSSLMODE in the environment can't ask for what a Unix socket lacks. */
    readonly ssl: false;
  };
  /** Whether this process started the store; else it belongs to another running command, and ends with it. */
  readonly owned: boolean;
  /** Resolves when the store has died too often and is not started again. */
  readonly failed: Promise<StartupError>;
  /** Ends an owned store after the query at hand; leaves another's alone. */
  close(): Promise<void>;
};

/** How long another process may hold the folder without answering: it starts, or it ends. */
const OTHER_STORE_MS = 60_000;
const POLL_MS = 100;
/** A store in the middle of a query is silent until the query's end. */
const GREETING_MS = 1_000;
const MAX_RESTARTS = 3;
const RESTART_WINDOW_MS = 60_000;

/** Starts the store of a data folder in a process of its own, or joins the one that already runs. */
export async function openEmbeddedStore(dataDir: string): Promise<EmbeddedStore> {
  const folder = prepareDataFolder(dataDir);
  const running = await runningStore(folder);
  if (running) return join(dataDir, running);

  const socketFolder = chooseSocketFolder(folder);
  const child = startStoreChild(folder, socketFolder);
  const other = await startOrFindOther(child, folder);
  if (other) return join(dataDir, other);
  return own(folder, socketFolder, child);
}

/** Another's store. When it ends, and this process goes on, the store is opened anew at the same address. */
function join(dataDir: string, socketFolder: string): EmbeddedStore {
  const failed = Promise.withResolvers<StartupError>();
  const watched = connect(socketFile(socketFolder));
  // It must not keep a command alive that has forgotten to close.
  watched.unref();
  // Unread, its farewell would hold back the close.
  watched.resume();
  let closing = false;
  let successor: Promise<EmbeddedStore | undefined> | undefined;
  watched.on('error', () => undefined);
  watched.once('close', () => {
    if (closing) return;
    successor = openEmbeddedStore(dataDir).catch((error: unknown) => {
      const message = `The store in ${dataDir} has ended with its owner and can't be opened again: ${String(error)}`;
      console.error(message);
      failed.resolve(new StartupError(message, { cause: error }));
      return undefined;
    });
    void successor.then((store) => store?.failed.then(failed.resolve));
  });
  return {
    connection: connectionOf(socketFolder),
    owned: false,
    failed: failed.promise,
    async close() {
      closing = true;
      watched.destroy();
      await (await successor)?.close();
    },
  };
}

function own(folder: string, socketFolder: string, first: StoreChild): EmbeddedStore {
  const failed = Promise.withResolvers<StartupError>();
  let child = first;
  let closing: Promise<void> | undefined;
  let restarts: number[] = [];

  const watch = async (): Promise<void> => {
    await child.exited;
    if (closing) return;
    const now = Date.now();
    restarts = [...restarts.filter((time) => time > now - RESTART_WINDOW_MS), now];
    if (restarts.length > MAX_RESTARTS) {
      const message = `The embedded store in ${folder} ended ${restarts.length} times within a minute and is not started again. Its messages are above; restart the service once the cause is gone.`;
      console.error(message);
      failed.resolve(new StartupError(message));
      return;
    }
    console.error(`The embedded store (process ${child.pid}) ended unexpectedly; starting it again.`);
    child = startStoreChild(folder, socketFolder);
    const outcome = await child.started;
    if (outcome.kind === 'failed') console.error(`The embedded store did not start: ${outcome.reason}`);
    await watch();
  };
  void watch();

  return {
    connection: connectionOf(socketFolder),
    owned: true,
    failed: failed.promise,
    close: () => (closing ??= child.stop()),
  };
}

/** Undefined once the child runs the store; the socket's folder where another process does. */
async function startOrFindOther(child: StoreChild, folder: string): Promise<string | undefined> {
  const deadline = Date.now() + OTHER_STORE_MS;
  let other: string | undefined;
  for (;;) {
    const outcome = await Promise.race([child.started, sleep(POLL_MS)]);
    if (outcome?.kind === 'ready') return undefined;
    if (outcome?.kind === 'failed')
      throw new StartupError(`Can't open the store in ${folder}: ${outcome.reason}`);
    if (outcome?.kind === 'left') {
      if (other) return other;
      throw new StartupError(`The process of the store in ${folder} ended while it started.`);
    }
    if (!child.waiting() || other) continue;
    other = await runningStore(folder);
    if (other) {
      // Unless it has got the lock by now: then it ignores this, and becomes ready.
      child.leave();
    } else if (Date.now() > deadline) {
      await child.stop();
      throw new StartupError(busyMessage(folder));
    }
  }
}

function busyMessage(folder: string): string {
  const holder = readRecord(folder);
  const who = holder ? `process ${holder.pid}, started by ${holder.ownerPid},` : 'another process';
  return `The data folder ${folder} is in use by ${who} which does not answer. Wait until it has ended, or end it.`;
}

/** The socket's folder of a store that runs and is to go on. */
async function runningStore(folder: string): Promise<string | undefined> {
  const record = readRecord(folder);
  if (!record || !isAlive(record.ownerPid)) return undefined;
  return (await answers(record.socketFolder)) ? record.socketFolder : undefined;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** A store that was killed may still take connections for a moment, so it must say something. */
async function answers(socketFolder: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(socketFile(socketFolder));
  socket.setTimeout(GREETING_MS, () => resolve(false));
  socket.once('data', () => resolve(true));
  for (const event of ['error', 'close'] as const) socket.once(event, () => resolve(false));
  socket.write(startupMessage());
  const answer = await promise;
  socket.destroy();
  return answer;
}

function connectionOf(socketFolder: string): EmbeddedStore['connection'] {
  return { host: socketFolder, port: PORT, user: USER, database: DATABASE, ssl: false };
}
