// The store's own process: `node store-process.ts FOLDER SOCKET_FOLDER`, started by store-process-handle.ts.
// It alone touches the database's files, and only while it holds the folder's lock. It ends with its owner,
// however that ends: the kernel closes the channel between them.

import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PGlite } from '@electric-sql/pglite';
import {
  databaseFolder,
  lockFile,
  readRecord,
  recordFile,
  removeRecord,
  socketFile,
  writeRecord,
} from './data-folder.ts';
import { takeLock } from './lock.ts';
import { LEAVE, type StoreMessage } from './messages.ts';
import { SessionServer } from './session-server.ts';
import { startupMessage } from './wire.ts';

const LOCK_POLL_MS = 100;
/** Exit code of a store whose database broke (EX_SOFTWARE). */
const BROKEN = 70;

const [folder = '', socketFolder = ''] = process.argv.slice(2);
const ownerPid = process.ppid;
let waiting = true;
let stop: () => Promise<void> = async () => undefined;

// Ctrl-C and a service manager's SIGTERM go to the whole group: the owner decides when the store ends.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
process.umask(0o077);
process.on('message', (message) => {
  if (message === LEAVE && waiting) process.exit(0);
});
process.once('disconnect', () => {
  if (waiting) process.exit(0);
  void stop().finally(() => process.exit(0));
});

try {
  await start();
} catch (error) {
  tell({ kind: 'failed', reason: reasonOf(error) }, () => process.exit(1));
}

async function start(): Promise<void> {
  const lock = await waitForLock();
  waiting = false;
  // A clean end removes it.
  const crashed = readRecord(folder) !== undefined;
  writeRecord(folder, { pid: process.pid, ownerPid, socketFolder });
  // Imported late: a process that only waits for the lock needs none of it.
  const { MAINTENANCE_MS, MAINTENANCE_SQL, openDatabase, VACUUM_MS, VACUUM_SQL } = await import(
    './database.ts'
  );
  const database = await openDatabase(databaseFolder(folder), crashed, recordFile(folder));
  const server = new SessionServer(
    (messages, onOutput) => database.execProtocolRawStream(messages, { onRawData: onOutput }),
    await greetingOf(database),
    (error) => {
      console.error(`The embedded store failed: ${reasonOf(error)}`);
      process.exit(BROKEN);
    },
  );
  const maintenance = [
    setInterval(() => server.run(MAINTENANCE_SQL), MAINTENANCE_MS),
    setInterval(() => server.run(VACUUM_SQL), VACUUM_MS),
  ];
  stop = async () => {
    maintenance.forEach(clearInterval);
    await server.close();
    await database.close();
    removeRecord(folder);
    lock.release();
  };
  // What a killed store left behind; nobody else can listen there, for this process has the lock.
  rmSync(socketFile(socketFolder), { force: true });
  await server.listen(socketFile(socketFolder));
  if (!process.connected) await stop().finally(() => process.exit(0));
  tell({ kind: 'ready' });
}

async function waitForLock(): Promise<{ release(): void }> {
  let lock = takeLock(lockFile(folder));
  if (!lock) tell({ kind: 'waiting' });
  while (!lock) {
    await sleep(LOCK_POLL_MS);
    lock = takeLock(lockFile(folder));
  }
  return lock;
}

async function greetingOf(database: PGlite): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await database.execProtocolRawStream(startupMessage(), {
    onRawData: (piece) => pieces.push(Buffer.from(piece)),
  });
  return Buffer.concat(pieces);
}

function tell(message: StoreMessage, done: () => void = () => undefined): void {
  // An owner that is gone can't be told, and 'disconnect' follows.
  if (process.send) process.send(message, undefined, undefined, () => done());
  else done();
}

function reasonOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  // Emscripten's file errors are no Errors.
  return JSON.stringify(error);
}
