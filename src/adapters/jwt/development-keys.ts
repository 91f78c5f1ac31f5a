import { join } from 'node:path';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK } from 'jose';
import { z } from 'zod';
import { StartupError } from '../../types/errors.ts';
import { keyFile } from '../key-file.ts';
import type { SigningKey } from './signing-key.ts';

export const DEVELOPMENT_ALGORITHM = 'ES256';

export type DevelopmentKeys = SigningKey & { readonly privateKey: CryptoKey };

const coordinate = z.string().regex(/^[\w-]{43}$/);
const storedKey = z.object({
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
    return await load(await keyFile(folder, file, newKey));
  } catch (error) {
    throw unusable(`${what} ${path}`, error);
  }
}

async function newKey(): Promise<string> {
  const { privateKey } = await generateKeyPair(DEVELOPMENT_ALGORITHM, { extractable: true });
  return `${JSON.stringify(await exportJWK(privateKey))}\n`;
}

async function load(text: string): Promise<DevelopmentKeys> {
  const { d, ...publicPart } = storedKey.parse(JSON.parse(text));
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
