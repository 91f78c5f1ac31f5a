import { randomUUID } from 'node:crypto';
import { createLocalJWKSet, SignJWT } from 'jose';
import type { Identity } from '../../ports/identity.ts';
import type { SecurityEvents } from '../../ports/security-events.ts';
import { ClearanceError, StartupError } from '../../types/errors.ts';
import type { Scope } from '../../types/principal.ts';
import { readClaims } from './claims.ts';
import { DEVELOPMENT_ALGORITHM, type DevelopmentKeys } from './development-keys.ts';
import { issuerEvents } from './security-events.ts';
import { onlyIssuer } from './trusted-issuer.ts';
import { jwtIdentity, type Verifier } from './verify.ts';

const ISSUER = 'clearance-development';
const AUDIENCE = 'clearance';
const trusted = onlyIssuer(ISSUER, AUDIENCE);

export type TokenRequest = {
  /** The `sub` claim: `anne`, not `user:anne`. */
  readonly subject: string;
  /** The agent that acts for the subject: `support-bot`. */
  readonly actor?: string;
  readonly scopes: readonly Scope[];
  /** Whose documents an `ingest` token may write. */
  readonly source?: string;
  readonly tenant?: string;
  /** Seconds. */
  readonly lifetime: number;
};

/** A token that `developmentIdentity` takes; what it would refuse is refused here, as a mistake of the operator's. */
export async function mintToken(keys: DevelopmentKeys, request: TokenRequest): Promise<string> {
  const { subject, actor, scopes, source, tenant, lifetime } = request;
  if (!Number.isSafeInteger(lifetime) || lifetime <= 0) {
    throw new StartupError('The lifetime of a token is a whole number of seconds above 0.');
  }
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    sub: subject,
    exp: now + lifetime,
    client_id: 'clearance-token',
    jti: randomUUID(),
    ...(actor !== undefined && { act: { sub: actor } }),
    scope: scopes.join(' '),
    ...(source !== undefined && { source }),
    ...(tenant !== undefined && { tenant }),
  };
  try {
    readClaims(claims, trusted, '');
  } catch (error) {
    if (error instanceof ClearanceError) throw new StartupError(error.message, { cause: error });
    throw error;
  }
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: DEVELOPMENT_ALGORITHM, kid: keys.kid, typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setIssuedAt(now)
    .sign(keys.privateKey);
}

/** For development only: whoever can read the data folder can be anyone. */
export function developmentIdentity(keys: DevelopmentKeys): Identity {
  return jwtIdentity(developmentVerifiers(keys));
}

function developmentVerifiers({ publicJwk }: DevelopmentKeys): readonly Verifier[] {
  return [{ trusted, key: createLocalJWKSet({ keys: [publicJwk] }) }];
}

export function developmentEvents(keys: DevelopmentKeys): SecurityEvents {
  return issuerEvents(developmentVerifiers(keys));
}
