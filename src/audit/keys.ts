import { createHash, createHmac, hkdfSync, type KeyObject, sign, verify } from 'node:crypto';
import type { Signed } from '../types/audit-trail.ts';
import { canonical, hashOf } from './canonical.ts';

/** By their ids, each the thumbprint (RFC 7638) of the key itself. */
export type PublicKeys = ReadonlyMap<string, KeyObject>;

export type AuditKeys = {
  /** Ed25519; signs what this installation writes. */
  readonly signing: { readonly id: string; readonly key: KeyObject };
  /** Whose signatures count: its own, and those of the keys before it. */
  readonly trusted: PublicKeys;
};

/** Of an Ed25519 key (RFC 7638, RFC 8037). */
export function thumbprint(publicKey: KeyObject): string {
  const { crv, kty, x } = publicKey.export({ format: 'jwk' });
  return createHash('sha256').update(canonical({ crv, kty, x })).digest('base64url');
}

/** What a signature is for: one can't be taken for another's. */
type Kind = 'record' | 'checkpoint' | 'export';

const message = (kind: Kind, hash: string) => Buffer.from(`clearance audit ${kind} v1 ${hash}`);

export function signHash(
  { signing }: AuditKeys,
  kind: Kind,
  hash: string,
): { readonly key: string; readonly signature: string } {
  return {
    key: signing.id,
    signature: sign(null, message(kind, hash), signing.key).toString('base64url'),
  };
}

/** What is wrong with a signature, if anything is. */
export function signatureProblem(
  trusted: PublicKeys,
  kind: Kind,
  hash: string,
  { key, signature }: { readonly key: string; readonly signature: string },
): string | undefined {
  const known = trusted.get(key);
  if (known === undefined) return `is signed with the key ${key}, which is not among those given`;
  const bytes = Buffer.from(signature, 'base64url');
  // One spelling only: else the same signature could be written another way.
  const valid = bytes.toString('base64url') === signature && verify(null, message(kind, hash), known, bytes);
  return valid ? undefined : 'has a signature that is not of this content';
}

export function signValue<T>(keys: AuditKeys, kind: Kind, value: T): Signed<T> {
  return { value, ...signHash(keys, kind, hashOf(value)) };
}

/**
 * A query as the trail keeps it: whoever has the key can tell whether it was this one, and nobody else. Each tenant has a key of
 * its own, so equal queries of two tenants don't meet.
 */
export function queryHasher({ signing }: AuditKeys): (tenant: string, query: string) => string {
  const secret = signing.key.export({ format: 'der', type: 'pkcs8' });
  const keys = new Map<string, Buffer>();
  return (tenant, query) => {
    const key =
      keys.get(tenant) ?? Buffer.from(hkdfSync('sha256', secret, tenant, 'clearance audit query v1', 32));
    keys.set(tenant, key);
    return createHmac('sha256', key).update(query).digest('hex');
  };
}
