import { createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { Identity } from '../../ports/identity.ts';
import { ClearanceError, StartupError } from '../../types/errors.ts';
import { jwtIdentity } from './verify.ts';

const TIMEOUT_MS = 5_000;

const discovery = z.object({ issuer: z.string(), jwks_uri: z.url() });

/**
 * Tokens of an OpenID Connect issuer. Its keys are found by discovery when the first token comes, kept
 * for ten minutes and read again for an unknown key, at most every 30 seconds (jose's defaults), so a
 * flood of made-up tokens is no flood at the issuer.
 */
export function oidcIdentity({ issuer, audience }: { issuer: string; audience: string }): Identity {
  if (!isSafe(issuer)) {
    throw new StartupError(
      `OIDC_ISSUER must be an https URL (http only on this machine): whoever is on the way could swap its keys. It is ${issuer}`,
    );
  }
  let discovered: Promise<JWTVerifyGetKey> | undefined;
  const keys = (): Promise<JWTVerifyGetKey> => {
    discovered ??= discover(issuer).catch((error: unknown) => {
      discovered = undefined;
      throw error;
    });
    return discovered;
  };
  return jwtIdentity({
    issuer,
    audience,
    async key(header, token) {
      try {
        const key = await keys();
        return await key(header, token);
      } catch (error) {
        if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
          throw error;
        }
        throw new ClearanceError(
          'identity_unavailable',
          `The keys of ${issuer} can't be read at the moment, so no token can be verified.`,
          { cause: error },
        );
      }
    },
  });
}

/** OpenID Connect Discovery 1.0, section 4. */
async function discover(issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (response.status !== 200) throw new Error(`${url} answered ${response.status}`);
  const found = discovery.parse(await response.json());
  if (found.issuer !== issuer) {
    throw new Error(`${url} speaks for the issuer ${found.issuer}, not for ${issuer}`);
  }
  if (!isSafe(found.jwks_uri))
    throw new Error(`${url} names keys that are not under https: ${found.jwks_uri}`);
  const keys = createRemoteJWKSet(new URL(found.jwks_uri), { timeoutDuration: TIMEOUT_MS });
  // Counts as discovered once the keys could be read; an address that leads nowhere is looked up again.
  await keys.reload();
  return keys;
}

function isSafe(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  return (
    protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))
  );
}
