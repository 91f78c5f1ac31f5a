import { decodeJwt, decodeProtectedHeader, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { Identity } from '../../ports/identity.ts';
import { readClaims } from './claims.ts';
import { refusal, refused } from './refusal.ts';

/** Characters; a JWT is ASCII. */
const MAX_TOKEN_LENGTH = 8_192;
const CLOCK_TOLERANCE_SECONDS = 5;

/** Signatures only a private key can make: with HS256, who can verify could also sign. */
const algorithms = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');

/** RFC 8725, section 3.11: the same issuer signs logout and security-event tokens, which are no credentials. */
const types = new Set(['jwt', 'at+jwt', 'application/at+jwt']);

export type Issuer = {
  readonly issuer: string;
  readonly audience: string;
  /** The issuer's public key for a header. Keys that a token brings along (`jwk`, `jku`, `x5u`) are never looked at. */
  readonly key: JWTVerifyGetKey;
};

export function jwtIdentity({ issuer, audience, key }: Issuer): Identity {
  return {
    async verify(token) {
      inspect(token, issuer);
      const { payload } = await jwtVerify(token, key, {
        issuer,
        audience,
        algorithms,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
        requiredClaims: ['exp'],
      }).catch((error: unknown) => {
        throw refusal(error, issuer, audience);
      });
      return readClaims(payload, issuer);
    },
  };
}

/** What can be said against a token before any key is looked for: it only refuses, and trusts nothing it reads. */
function inspect(token: string, issuer: string): void {
  if (token.length > MAX_TOKEN_LENGTH) {
    throw refused(`it is longer than ${MAX_TOKEN_LENGTH} characters.`);
  }
  const { header, claimedIssuer } = decode(token);
  const { alg, kid, crit, typ } = header;
  if (typeof alg !== 'string' || alg.toLowerCase() === 'none') {
    throw refused('it is unsigned ("alg": "none").');
  }
  if (!algorithms.includes(alg)) {
    throw refused(`it is not signed with one of ${algorithms.join(', ')}.`);
  }
  if (crit !== undefined) {
    throw refused('its header asks for extensions ("crit"), and none are supported.');
  }
  if (typeof kid !== 'string' || kid === '') {
    throw refused('its header does not name the key that signed it ("kid").');
  }
  if (typ !== undefined && !(typeof typ === 'string' && types.has(typ.toLowerCase()))) {
    throw refused('it is not an access token: its "typ" is neither "JWT" nor "at+jwt".');
  }
  // Another issuer's key would be reported as unknown, which hides the real mistake.
  if (claimedIssuer !== issuer) {
    throw refused(`it comes from another issuer ("iss"); expected ${issuer}.`);
  }
}

function decode(token: string) {
  try {
    return { header: decodeProtectedHeader(token), claimedIssuer: decodeJwt(token).iss };
  } catch {
    throw refused('it is not a signed JWT in compact form (three parts with dots between).');
  }
}
