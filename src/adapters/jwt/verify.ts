import { type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Identity } from '../../ports/identity.ts';
import { tokenHash } from '../../types/revocation.ts';
import { inspectToken, requireAccessToken } from './access-token.ts';
import { readClaims, type Said } from './claims.ts';
import { algorithms, CLOCK_TOLERANCE_SECONDS } from './limits.ts';
import { type Possession, requirePossession } from './possession.ts';
import { expired, refusal, refused } from './refusal.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';

export type Verifier = {
  readonly trusted: TrustedIssuer;
  /** The issuer's public key for a header. Keys that a token brings along (`jwk`, `jku`, `x5u`) are never looked at. */
  readonly key: JWTVerifyGetKey;
  /** Only tokens of this type, where the issuer always gives one. */
  readonly typ?: string;
  /** Absent: as claims of an OpenID Connect issuer are read. */
  readonly read?: (payload: JWTPayload, trusted: TrustedIssuer) => Said;
};

/** Access tokens of these issuers and, with `own`, the service's own. Without `possession` none that is bound to a key is taken. */
export function jwtIdentity(
  verifiers: readonly Verifier[],
  possession?: Possession,
  own?: Verifier,
): Identity {
  const all = own === undefined ? verifiers : [...verifiers, own];
  const byIssuer = new Map<unknown, Verifier>(all.map((each) => [each.trusted.issuer, each]));
  return {
    async verify(presented) {
      const token = typeof presented === 'string' ? presented : presented.token;
      const { issuer, requiredClaims } = inspectToken(token);
      const verifier = byIssuer.get(issuer);
      if (verifier === undefined) throw notTrusted(verifiers);
      const { trusted, key, typ, read = readClaims } = verifier;
      const { payload } = await jwtVerify(token, key, {
        issuer: trusted.issuer,
        audience: trusted.audience,
        algorithms,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: [...requiredClaims],
        ...(typ === undefined ? {} : { typ }),
      }).catch((error: unknown) => {
        throw refusal(error, trusted.issuer, trusted.audience);
      });
      requireAccessToken(payload);
      const { token: facts, ...said } = read(payload, trusted);
      const boundTo = await requirePossession(possession, presented, payload, trusted.senderConstrained);
      return {
        ...said,
        token: { ...facts, issuer: trusted.issuer, hash: tokenHash(token) },
        expiresAt: new Date((payload.exp ?? 0) * 1_000),
        ...(boundTo === undefined ? {} : { boundTo }),
      };
    },
    async requireStanding({ expiresAt }) {
      if (expiresAt.getTime() <= Date.now()) throw expired();
    },
  };
}

/** Of several issuers none is named: they may be of different customers. */
function notTrusted([only, ...others]: readonly Verifier[]) {
  return refused(
    only === undefined || others.length > 0
      ? 'it comes from an issuer ("iss") that is not trusted here.'
      : `it comes from another issuer ("iss"); expected ${only.trusted.issuer}.`,
  );
}
