import { randomUUID } from 'node:crypto';
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose';
import { z } from 'zod';
import { StartupError } from '../../types/errors.ts';
import type { SigningKey } from './signing-key.ts';

export const DEVELOPMENT_ALGORITHM = 'ES256';

export type DevelopmentKeys = SigningKey & { readonly privateKey: CryptoKey };

const coordinate = z.string().regex(/^[\w-]{43}$/);
const keyFile = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: coordinate,
  y: coordinate,
  d: coordinate,
});

/** The development issuer's key pair, made on first use. Needs no database, so `clearance token` is fast. */
export function developmentKeys(dataDir: string): Promise<DevelopmentKeys> {
  return keysIn(dataDir, 'key.json', "The development issuer's key");
}

/** Beside it, the one that the service signs with what it gives in exchange: the development issuer can't make such tokens. */
export function developmentExchangeKeys(dataDir: string): Promise<DevelopmentKeys> {
  return keysIn(dataDir, 'exchange-key.json', 'The key for token exchange');
}

async function keysIn(dataDir: string, file: string, what: string): Promise<DevelopmentKeys> {
  const folder = join(dataDir, 'development-issuer');
  const path = join(folder, file);
  try {
    const text = (await readExisting(path)) ?? (await create(folder, path));
    return await load(text);
  } catch (error) {
    throw unusable(`${what} ${path}`, error);
  }
}

/** `undefined` where there is no key yet; anything else that goes wrong is thrown. */
async function readExisting(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

async function create(folder: string, path: string): Promise<string> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const { privateKey } = await generateKeyPair(DEVELOPMENT_ALGORITHM, { extractable: true });
  const text = `${JSON.stringify(await exportJWK(privateKey))}\n`;

  const draft = join(folder, `${randomUUID()}.draft`);
  const file = await open(draft, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
    // A rename would replace the key of a process that was first; a link refuses, and its key is then ours too.
    await link(draft, path);
    return text;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return await readFile(path, 'utf8');
    throw error;
  } finally {
    await file.close();
    await rm(draft, { force: true });
  }
}

async function load(text: string): Promise<DevelopmentKeys> {
  const { d, ...publicPart } = keyFile.parse(JSON.parse(text));
  const kid = await calculateJwkThumbprint(publicPart);
  const publicJwk = { ...publicPart, kid, alg: DEVELOPMENT_ALGORITHM, use: 'sig' };
  // Refuses a private part that does not belong to the public one.
  const privateKey = await importJWK({ ...publicPart, d }, DEVELOPMENT_ALGORITHM);
  if (privateKey instanceof Uint8Array) throw new TypeError('not a key pair');
  return { kid, alg: DEVELOPMENT_ALGORITHM, privateKey, publicJwk };
}

function unusable(key: string, error: unknown): StartupError {
  if (error instanceof Error && 'code' in error && 'syscall' in error) {
    const message = `${key} can't be read or made (${String(error.code)}): make the folder yours and writable.`;
    return new StartupError(message, { cause: error });
  }
  // Without its cause, for a JSON error quotes the file.
  return new StartupError(
    `${key} is damaged: delete the file to get a new one; tokens made with the old one end.`,
  );
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
