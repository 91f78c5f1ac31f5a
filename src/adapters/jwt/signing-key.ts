import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, type JWK } from 'jose';
import { StartupError } from '../../types/errors.ts';

/** A key pair that the service signs with. */
export type SigningKey = {
  /** The thumbprint of the public key (RFC 7638). */
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey | KeyObject;
  readonly publicJwk: JWK;
};

const MIN_RSA_BITS = 2_048;
const curves: Readonly<Record<string, string>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

/** Reads what `TOKEN_SIGNING_KEY` names: a private key as JWK or PEM. Throws a `StartupError` that quotes nothing of it. */
export async function readSigningKey(path: string): Promise<SigningKey> {
  const privateKey = parse(await read(path));
  const alg = privateKey && algorithmOf(privateKey);
  if (privateKey === undefined || alg === undefined) {
    throw new StartupError(
      `TOKEN_SIGNING_KEY: ${path} is no private key for signatures, as JWK or PEM: of the curves P-256, P-384 or P-521, Ed25519, or RSA of at least ${MIN_RSA_BITS} bits.`,
    );
  }
  const publicPart = await exportJWK(createPublicKey(privateKey));
  const kid = await calculateJwkThumbprint(publicPart);
  return { kid, alg, privateKey, publicJwk: { ...publicPart, kid, alg, use: 'sig' } };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    throw new StartupError(`TOKEN_SIGNING_KEY: ${path} can not be read (${code}).`, { cause: error });
  }
}

function parse(text: string): KeyObject | undefined {
  try {
    return text.trimStart().startsWith('{')
      ? createPrivateKey({ key: JSON.parse(text) as JWK, format: 'jwk' })
      : createPrivateKey(text);
  } catch {
    return undefined;
  }
}

function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | undefined {
  if (asymmetricKeyType === 'ec') return curves[asymmetricKeyDetails?.namedCurve ?? ''];
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  const longEnough = (asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_RSA_BITS;
  return asymmetricKeyType === 'rsa' && longEnough ? 'RS256' : undefined;
}
