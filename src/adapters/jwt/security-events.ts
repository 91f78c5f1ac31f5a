import { createHash } from 'node:crypto';
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose';
import { z } from 'zod';
import type { LoggedOut, SecurityEvents } from '../../ports/security-events.ts';
import { ClearanceError } from '../../types/errors.ts';
import type { Revocable } from '../../types/revocation.ts';
import { SecurityEventRefusal } from '../../types/security-event.ts';
import { inspectSigned } from './access-token.ts';
import { engineUser } from './engine-user.ts';
import { algorithms, CLOCK_TOLERANCE_SECONDS } from './limits.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';
import type { Verifier } from './verify.ts';

const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout';
/** OpenID Continuous Access Evaluation Profile 1.0, section 3.1. */
const SESSION_REVOKED = 'https://schemas.openid.net/secevent/caep/event-type/session-revoked';

/** How long after it was made a statement is taken. Events may be sent again for hours where a receiver was down. */
const LOGOUT_LIFETIME_SECONDS = 600;
const EVENT_LIFETIME_SECONDS = 86_400;

const name = z.string().min(1).max(1_000);
const eventsOf = (type: string) => z.looseObject({ [type]: z.record(z.string(), z.unknown()) });

const logoutClaims = z
  .object({
    iat: z.number(),
    jti: name,
    sub: name.optional(),
    sid: name.optional(),
    events: eventsOf(LOGOUT),
    nonce: z.never('must not be there').optional(),
  })
  .refine(({ sub, sid }) => sub !== undefined || sid !== undefined, 'has neither "sub" nor "sid"');

const issSub = z.object({ format: z.literal('iss_sub'), iss: z.string(), sub: name });
const opaque = z.object({ format: z.literal('opaque'), id: name });
const email = z.object({ format: z.literal('email'), email: name });
const person = z.union([issSub, email]);
/** RFC 9493; `complex` is of the OpenID Shared Signals Framework 1.0. An opaque id is that of a session. */
const subject = z.union([
  issSub,
  email,
  opaque,
  z.object({ format: z.literal('complex'), user: person.optional(), session: opaque.optional() }),
]);

const eventClaims = z.object({
  iat: z.number(),
  jti: name,
  events: z.record(z.string(), z.unknown()).refine((events) => Object.keys(events).length > 0, 'is empty'),
  // OpenID Shared Signals Framework 1.0, section 4.1: so that none is taken for another kind of token.
  sub: z.never('must not be there').optional(),
  exp: z.never('must not be there').optional(),
});
const sessionRevoked = z.object({ sub_id: subject, events: eventsOf(SESSION_REVOKED) });

/** What these issuers say of logouts, with the keys that sign their access tokens, and for the same audience. */
export function issuerEvents(verifiers: readonly Verifier[]): SecurityEvents {
  return {
    async logoutToken(token) {
      // The type is only recommended; without it, the claims tell the token from others.
      const { payload, trusted } = await verified(
        verifiers,
        token,
        ['logout+jwt', 'application/logout+jwt', 'jwt', undefined],
        {
          requiredClaims: ['iat', 'exp', 'jti', 'events'],
          maxTokenAge: LOGOUT_LIFETIME_SECONDS,
        },
      );
      const { iat, jti, sub, sid } = parsed(logoutClaims, payload);
      const { issuer } = trusted;
      const what: Revocable[] = [];
      if (sid !== undefined) what.push({ kind: 'sid', issuer, sid });
      if (sub !== undefined)
        what.push({ kind: sid === undefined ? 'login' : 'login_without_sid', issuer, subject: sub });
      return loggedOut(trusted, what, iat, jti, LOGOUT_LIFETIME_SECONDS);
    },
    async eventToken(token) {
      const { payload, trusted } = await verified(
        verifiers,
        token,
        ['secevent+jwt', 'application/secevent+jwt'],
        {
          requiredClaims: ['iat', 'jti', 'events'],
          maxTokenAge: EVENT_LIFETIME_SECONDS,
        },
      );
      const { iat, jti, events } = parsed(eventClaims, payload);
      if (!(SESSION_REVOKED in events)) return undefined;
      const { sub_id: subject } = parsed(sessionRevoked, payload);
      return loggedOut(trusted, subjectsOf(subject, trusted), iat, jti, EVENT_LIFETIME_SECONDS);
    },
  };
}

async function verified(
  verifiers: readonly Verifier[],
  token: string,
  types: readonly unknown[],
  options: JWTVerifyOptions,
): Promise<{ payload: JWTPayload; trusted: TrustedIssuer }> {
  const { issuer, type } = inspected(token);
  if (!types.includes(type)) throw invalid(`its "typ" is not "${String(types[0])}"`);
  const verifier = verifiers.find(({ trusted }) => trusted.issuer === issuer);
  if (verifier === undefined) {
    throw new SecurityEventRefusal('invalid_issuer', 'Its issuer ("iss") is not trusted here.');
  }
  const { trusted, key } = verifier;
  const { audience } = trusted;
  try {
    const { payload } = await jwtVerify(token, key, {
      issuer: trusted.issuer,
      audience,
      algorithms,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      ...options,
    });
    return { payload, trusted };
  } catch (error) {
    throw refusalOf(error, audience);
  }
}

function inspected(token: string) {
  try {
    return inspectSigned(token);
  } catch (error) {
    throw new SecurityEventRefusal('invalid_request', error instanceof Error ? error.message : 'No token.');
  }
}

/** jose's errors carry the claims, so none is passed on. */
function refusalOf(error: unknown, audience: string): unknown {
  if (error instanceof ClearanceError) return error;
  if (error instanceof errors.JWTClaimValidationFailed) {
    return error.claim === 'aud'
      ? new SecurityEventRefusal(
          'invalid_audience',
          `It is meant for another audience ("aud"); expected ${audience}.`,
        )
      : invalid(`its claim "${error.claim}" is missing or not usable`);
  }
  if (error instanceof errors.JWTExpired) return invalid('it is too old');
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys) {
    return new SecurityEventRefusal(
      'invalid_key',
      'It was signed with a key that its issuer does not publish.',
    );
  }
  if (error instanceof errors.JWSSignatureVerificationFailed) {
    return new SecurityEventRefusal('authentication_failed', 'Its signature is wrong.');
  }
  return invalid('it could not be verified');
}

/** A session alone where one is named; else all of the person. */
function subjectsOf(of: z.infer<typeof subject>, trusted: TrustedIssuer): readonly Revocable[] {
  const { issuer } = trusted;
  if (of.format === 'complex') {
    const { user, session } = of;
    if (session === undefined && user === undefined)
      throw invalid('its subject names neither a user nor a session');
    return [
      ...(session === undefined ? [] : subjectsOf(session, trusted)),
      ...(user === undefined
        ? []
        : [personOf(user, trusted, session === undefined ? 'login' : 'login_without_sid')]),
    ];
  }
  return of.format === 'opaque' ? [{ kind: 'sid', issuer, sid: of.id }] : [personOf(of, trusted)];
}

function personOf(
  of: z.infer<typeof person>,
  { issuer, userClaim, namespace }: TrustedIssuer,
  kind: 'login' | 'login_without_sid' = 'login',
): Revocable {
  if (of.format === 'iss_sub') {
    // An issuer speaks for its own people.
    if (of.iss !== issuer) throw invalid('its subject is of another issuer');
    return { kind, issuer, subject: of.sub };
  }
  if (userClaim !== 'email')
    throw invalid('its subject is an address, and people are not known by theirs here');
  return { kind: 'person', issuer, user: engineUser('user', of.email, namespace) };
}

function loggedOut(
  { issuer, tenants }: TrustedIssuer,
  what: readonly Revocable[],
  iat: number,
  jti: string,
  lifetimeSeconds: number,
): LoggedOut {
  return {
    issuer,
    ...(tenants === undefined ? {} : { tenants }),
    what,
    at: new Date(iat * 1_000),
    once: {
      id: createHash('sha256')
        .update(JSON.stringify(['event', issuer, jti]))
        .digest(),
      until: new Date((iat + lifetimeSeconds + 2 * CLOCK_TOLERANCE_SECONDS) * 1_000),
    },
  };
}

function parsed<T>(shape: z.ZodType<T>, payload: unknown): T {
  const { success, data, error } = shape.safeParse(payload);
  if (success) return data;
  const [issue] = error.issues;
  throw invalid(`its claim "${issue?.path.join('.')}" is not usable: ${issue?.message}`);
}

function invalid(reason: string): SecurityEventRefusal {
  return new SecurityEventRefusal('invalid_request', `The token is refused: ${reason}.`);
}
