import { generateKeyPairSync } from 'node:crypto';
import { type AuditKeys, thumbprint } from '../../src/audit/keys.ts';

export function newKeys(): AuditKeys {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const id = thumbprint(publicKey);
  return { signing: { id, key: privateKey }, trusted: new Map([[id, publicKey]]) };
}
