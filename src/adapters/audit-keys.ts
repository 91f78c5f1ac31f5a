import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type AuditKeys, type PublicKeys, thumbprint } from '../audit/keys.ts';
import { StartupError } from '../types/errors.ts';
import { keyFile } from './key-file.ts';

const ed25519 = { kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() };
const jwk = z.union([z.object({ ...ed25519, d: z.string() }), z.object(ed25519)]);
const jwks = z.union([z.object({ keys: z.array(jwk).min(1) }), jwk.transform((key) => ({ keys: [key] }))]);
const PEM = /-----BEGIN ([A-Z ]+)-----[\s\S]+?-----END \1-----/g;

/** The key of an installation: a file's, or the data folder's own, made on first use. */
export async function auditKeys(file: string | undefined, dataDir: string): Promise<AuditKeys> {
  if (file !== undefined) return keysOf(await read(file), file);
  const folder = join(dataDir, 'audit');
  const path = join(folder, 'key.json');
  try {
    return keysOf(await keyFile(folder, 'key.json', newKey), path);
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(
      `The audit key ${path} can't be read or made: make the folder yours and writable.`,
      {
        cause: error,
      },
    );
  }
}

/** Of files that may hold one or several, as PEM, JWK or JWK Set. */
export async function publicKeys(files: readonly string[]): Promise<PublicKeys> {
  const all: [string, KeyObject][] = [];
  for (const file of files) all.push(...[...parse(await read(file), file)].map((key) => publicOf(key)));
  return new Map(all);
}

/** The first private one signs. The others are those of before, whose signatures still count. */
function keysOf(text: string, file: string): AuditKeys {
  const keys = parse(text, file);
  const key = keys.find(({ type }) => type === 'private');
  if (key === undefined) throw new StartupError(`${file} has no private key. ${MAKE_ONE}`);
  return { signing: { id: publicOf(key)[0], key }, trusted: new Map(keys.map(publicOf)) };
}

const MAKE_ONE = 'Make one: openssl genpkey -algorithm ed25519 -out audit-key.pem';

async function newKey(): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519');
  return `${JSON.stringify(privateKey.export({ format: 'jwk' }))}\n`;
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new StartupError(`The audit key ${file} can't be read (${code}). ${MAKE_ONE}`);
  }
}

function parse(text: string, file: string): readonly KeyObject[] {
  try {
    const pem = [...text.matchAll(PEM)];
    const keys =
      pem.length > 0
        ? pem.map(([block, label = '']) =>
            label.includes('PRIVATE') ? createPrivateKey(block) : createPublicKey(block),
          )
        : jwks
            .parse(JSON.parse(text))
            .keys.map((key) =>
              'd' in key ? createPrivateKey({ key, format: 'jwk' }) : createPublicKey({ key, format: 'jwk' }),
            );
    if (keys.some(({ asymmetricKeyType }) => asymmetricKeyType !== 'ed25519'))
      throw new TypeError('not Ed25519');
    return keys;
  } catch {
    // Without its cause, for a JSON error quotes the file.
    throw new StartupError(`${file} holds no Ed25519 keys, as PEM, JWK or JWK Set. ${MAKE_ONE}`);
  }
}

function publicOf(key: KeyObject): [string, KeyObject] {
  const its = key.type === 'private' ? createPublicKey(key) : key;
  return [thumbprint(its), its];
}
