import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose';
import { algorithms, CLOCK_TOLERANCE_SECONDS, MAX_TOKEN_LENGTH } from './limits.ts';
import { refused } from './refusal.ts';

/** RFC 9068: such a token says by its type what it is, and has to have these. */
const ACCESS_TOKEN_TYPES = new Set(['at+jwt', 'application/at+jwt']);
const OF_ACCESS_TOKENS = ['sub', 'client_id', 'iat', 'jti'];

/** Claims of ID tokens, logout tokens and security events: the same issuer signs them, and they are no credentials. */
const OF_OTHER_TOKENS = ['nonce', 'at_hash', 'c_hash', 's_hash', 'events', 'sub_id', 'toe'];

export type Inspected = { readonly issuer: unknown; readonly requiredClaims: readonly string[] };

/** What can be said against any token before a key is looked for: it only refuses, and trusts nothing it reads. */
export function inspectSigned(token: string): { readonly issuer: unknown; readonly type: unknown } {
  if (token.length > MAX_TOKEN_LENGTH) {
    throw refused(`it is longer than ${MAX_TOKEN_LENGTH} characters.`);
  }
  const { header, issuer } = decode(token);
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
  return { issuer, type: typeof typ === 'string' ? typ.toLowerCase() : typ };
}

/** As for any, and that it is of a type that access tokens have. */
export function inspectToken(token: string): Inspected {
  const { issuer, type } = inspectSigned(token);
  if (typeof type === 'string' && ACCESS_TOKEN_TYPES.has(type)) {
    return { issuer, requiredClaims: ['exp', ...OF_ACCESS_TOKENS] };
  }
  // Many issuers give access tokens no type of their own.
  if (type !== undefined && type !== 'jwt') {
    throw refused('it is not an access token: its "typ" is neither "JWT" nor "at+jwt".');
  }
  return { issuer, requiredClaims: ['exp'] };
}

/** Refuses what is validly signed, and for this audience, but no access token; and one from the future. */
export function requireAccessToken(payload: JWTPayload): void {
  const foreign = OF_OTHER_TOKENS.find((claim) => claim in payload);
  if (foreign !== undefined) throw refused(`it is not an access token: it has the claim "${foreign}".`);
  // Keycloak and Cognito say by a claim what a token is.
  const { typ, token_use: use, iat } = payload;
  if (typ !== undefined && typ !== 'Bearer' && typ !== 'DPoP') {
    throw refused('it is not an access token: its claim "typ" is not "Bearer".');
  }
  if (use !== undefined && use !== 'access') {
    throw refused('it is not an access token: its claim "token_use" is not "access".');
  }
  if (iat !== undefined && iat > Date.now() / 1_000 + CLOCK_TOLERANCE_SECONDS) {
    throw refused('it was issued in the future ("iat").');
  }
}

function decode(token: string) {
  try {
    return { header: decodeProtectedHeader(token), issuer: decodeJwt(token).iss };
  } catch {
    throw refused('it is not a signed JWT in compact form (three parts with dots between).');
  }
}
