import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { StartupError } from '../../types/errors.ts';

/** Part of the socket's name, as libpq and `pg` derive it from host and port; there is no TCP. */
export const PORT = 5432;
/** Bytes: `sun_path` less its final zero on macOS (104); Linux has 108. */
const MAX_SOCKET_PATH = 103;
const PROBE_BYTES = 4_096;
/** A new database takes 40 MB and its log 32; PGlite dies of a full disk. */
const MIN_FREE_BYTES = 100_000_000;

const record = z.object({ pid: z.int(), ownerPid: z.int(), socketFolder: z.string() });
/** Who runs the store, written by the store process once it has the lock. */
export type StoreRecord = z.infer<typeof record>;

export const databaseFolder = (folder: string): string => join(folder, 'database');
export const lockFile = (folder: string): string => join(folder, 'lock.sqlite');
export const socketFile = (socketFolder: string): string => join(socketFolder, `.s.PGSQL.${PORT}`);
export const recordFile = (folder: string): string => join(folder, 'store.json');

export function writeRecord(folder: string, value: StoreRecord): void {
  const temporary = `${recordFile(folder)}.${value.pid}`;
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
  renameSync(temporary, recordFile(folder));
}

export function readRecord(folder: string): StoreRecord | undefined {
  try {
    return record.parse(JSON.parse(readFileSync(recordFile(folder), 'utf8')));
  } catch {
    return undefined;
  }
}

export function removeRecord(folder: string): void {
  rmSync(recordFile(folder), { force: true });
}

/** Makes the data folder, or refuses one that others can read or that can't be written. Returns its real path. */
export function prepareDataFolder(dataDir: string): string {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new StartupError(
      `Can't create the data folder ${dataDir}: ${reason(cause)}. Choose another with CLEARANCE_DATA_DIR.`,
      { cause },
    );
  }
  const folder = realpathSync(dataDir);
  requirePrivate(folder);
  probe(folder);
  return folder;
}

/** The folder that holds the socket: the data folder, or where its path is too long one in the temporary folder. */
export function chooseSocketFolder(folder: string): string {
  if (Buffer.byteLength(socketFile(folder)) <= MAX_SOCKET_PATH) return folder;
  const name = `clearance-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`;
  const short = join(realpathSync(tmpdir()), name);
  if (Buffer.byteLength(socketFile(short)) > MAX_SOCKET_PATH) {
    throw new StartupError(
      `The path of the data folder ${folder} is too long for a socket, and so is that of the temporary folder ${tmpdir()}. Choose a shorter CLEARANCE_DATA_DIR.`,
    );
  }
  mkdirSync(short, { recursive: true, mode: 0o700 });
  requirePrivate(short);
  return short;
}

function requirePrivate(folder: string): void {
  const stat = statSync(folder);
  if (!stat.isDirectory()) throw new StartupError(`${folder} is a file, not a folder.`);
  if (process.getuid && stat.uid !== process.getuid()) {
    throw new StartupError(
      `The folder ${folder} belongs to another user (uid ${stat.uid}). Run as that user, or choose another folder with CLEARANCE_DATA_DIR.`,
    );
  }
  if ((stat.mode & 0o077) !== 0) {
    throw new StartupError(
      `Other users can open the folder ${folder} (mode ${(stat.mode & 0o777).toString(8)}), and the store in it has no password. Run: chmod 700 '${folder}'`,
    );
  }
  if ((stat.mode & 0o700) !== 0o700) {
    throw new StartupError(`The folder ${folder} can't be written. Run: chmod 700 '${folder}'`);
  }
}

function probe(folder: string): void {
  const path = join(folder, `.probe-${process.pid}`);
  try {
    writeFileSync(path, Buffer.alloc(PROBE_BYTES), { mode: 0o600, flush: true });
  } catch (cause) {
    throw new StartupError(
      `Can't write in the data folder ${folder}: ${reason(cause)}. ${remedy(cause)}, or choose another folder with CLEARANCE_DATA_DIR.`,
      { cause },
    );
  } finally {
    rmSync(path, { force: true });
  }
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (free < MIN_FREE_BYTES) {
    throw new StartupError(
      `The disk of the data folder ${folder} has ${megabytes(free)} MB left, and the store needs ${megabytes(MIN_FREE_BYTES)}. Make room on it, or choose another folder with CLEARANCE_DATA_DIR.`,
    );
  }
}

const megabytes = (bytes: number): number => Math.floor(bytes / 1_000_000);

function remedy(error: unknown): string {
  switch (code(error)) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'Make room on its disk';
    case 'EROFS':
      return 'Mount its file system for writing';
    default:
      return 'Give this user the right to write there';
  }
}

function reason(error: unknown): string {
  const known: Record<string, string> = {
    ENOSPC: 'the disk is full',
    EDQUOT: "the user's quota is used up",
    EROFS: 'its file system is read-only',
    EACCES: 'permission denied',
    EPERM: 'not permitted',
    EEXIST: 'a file of that name is there',
    ENOTDIR: 'a part of its path is a file',
  };
  return known[code(error)] ?? (error instanceof Error ? error.message : String(error));
}

function code(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
