import { randomUUID } from 'node:crypto';
import { createLocalJWKSet, SignJWT } from 'jose';
import type { Identity } from '../../ports/identity.ts';
import type { SecurityEvents } from '../../ports/security-events.ts';
import { ClearanceError, StartupError } from '../../types/errors.ts';
import type { Scope } from '../../types/principal.ts';
import { readClaims } from './claims.ts';
import { DEVELOPMENT_ALGORITHM, type DevelopmentKeys } from './development-keys.ts';
import type { Possession } from './possession.ts';
import { issuerEvents } from './security-events.ts';
import { onlyIssuer } from './trusted-issuer.ts';
import { jwtIdentity, type Verifier } from './verify.ts';

const ISSUER = 'clearance-development';
const AUDIENCE = 'clearance';
export const developmentIssuer = onlyIssuer(ISSUER, AUDIENCE);

export type TokenRequest = {
  /** The `sub` claim: `anne`, not `user:anne`. */
  readonly subject: string;
  /** The subject is an agent, which asks for itself. */
  readonly ofAgent?: true;
  /** The agent that acts for the subject: `support-bot`; of several, first the one that asks. */
  readonly actor?: string | readonly string[];
  readonly scopes: readonly Scope[];
  /** Whose documents an `ingest` token may write. */
  readonly source?: string;
  readonly tenant?: string;
  /** Seconds. */
  readonly lifetime: number;
};

/** A token that `developmentIdentity` takes; what it would refuse is refused here, as a mistake of the operator's. */
export async function mintToken(keys: DevelopmentKeys, request: TokenRequest): Promise<string> {
  const { subject, ofAgent, actor = [], scopes, source, tenant, lifetime } = request;
  if (!Number.isSafeInteger(lifetime) || lifetime <= 0) {
    throw new StartupError('The lifetime of a token is a whole number of seconds above 0.');
  }
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    sub: subject,
    client_id: ofAgent ? subject : 'clearance-token',
    jti: randomUUID(),
    act: [actor].flat().reduceRight<object | undefined>((act, sub) => ({ sub, act }), undefined),
    scope: scopes.join(' '),
    ...(source !== undefined && { source }),
    ...(tenant !== undefined && { tenant }),
  };
  try {
    readClaims(claims, developmentIssuer);
  } catch (error) {
    if (error instanceof ClearanceError) throw new StartupError(error.message, { cause: error });
    throw error;
  }
  return await new SignJWT(claims)
    .setProtectedHeader({ alg: DEVELOPMENT_ALGORITHM, kid: keys.kid, typ: 'at+jwt' })
    .setIssuer(ISSUER)
    .setAudience(AUDIENCE)
    .setIssuedAt(now)
    .setExpirationTime(now + lifetime)
    .sign(keys.privateKey);
}

/** For development only: whoever can read the data folder can be anyone. */
export function developmentIdentity(
  keys: DevelopmentKeys,
  possession?: Possession,
  own?: Verifier,
): Identity {
  return jwtIdentity(developmentVerifiers(keys), possession, own);
}

function developmentVerifiers({ publicJwk }: DevelopmentKeys): readonly Verifier[] {
  return [{ trusted: developmentIssuer, key: createLocalJWKSet({ keys: [publicJwk] }) }];
}

export function developmentEvents(keys: DevelopmentKeys): SecurityEvents {
  return issuerEvents(developmentVerifiers(keys));
}
