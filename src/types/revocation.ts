import { createHash } from 'node:crypto';
import { z } from 'zod';
import { agentId } from './agent.ts';
import { ClearanceError } from './errors.ts';
import { type Credentials, type Inherited, readersOf } from './principal.ts';
import { isStorable, UNSTORABLE } from './text.ts';

/** What a token or a session can be revoked by. */
export type Revocable =
  /** Of the token up to its second dot: what its signature protects, for an ECDSA signature has more than one form. */
  | { readonly kind: 'token'; readonly hash: string }
  | { readonly kind: 'jti'; readonly issuer: string; readonly jti: string }
  /** The session at the issuer that a token belongs to. */
  | { readonly kind: 'sid'; readonly issuer: string; readonly sid: string }
  /** The issuer's own name of whom a token is for, its `sub`. */
  | { readonly kind: 'login'; readonly issuer: string; readonly subject: string }
  /** The same, of tokens alone that do not say which session of the issuer's they belong to. */
  | { readonly kind: 'login_without_sid'; readonly issuer: string; readonly subject: string }
  /** As the engine knows them, in whatever tenant the issuer names them. */
  | { readonly kind: 'person'; readonly issuer: string; readonly user: string }
  /** As the engine knows them: `user:anne`, `agent:support-bot`. */
  | { readonly kind: 'principal'; readonly name: string };

/** For what an issuer says itself: it concerns no token but its own, in all tenants that it speaks for. No tenant has this name. */
export const EVERY_TENANT = '*';

/** Seconds by which the clock of an issuer may be ahead: what it issues that long after a revocation may be from before. */
const AHEAD_SECONDS = 5;

/** A name of fixed length, that tells nothing. */
export function revocationKey(tenant: string, { kind, ...by }: Revocable): Uint8Array {
  // In a fixed order, whoever has written the object.
  const parts = Object.entries(by).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([tenant, kind, parts]))
    .digest();
}

/** What a token is revoked by. */
export function tokenKeys(credentials: Credentials): readonly Uint8Array[] {
  return [...ownKeys(credentials), ...sessionKeys(credentials)];
}

/** Of the token alone, and of those that it was given for in exchange. */
function ownKeys({ principal: { tenant }, token }: Credentials): readonly Uint8Array[] {
  const { hash, issuer, jti, inherited } = token;
  return [
    revocationKey(tenant, { kind: 'token', hash }),
    ...(jti === undefined ? [] : [revocationKey(tenant, { kind: 'jti', issuer, jti })]),
    ...decoded(inherited?.ofToken),
  ];
}

/** What a session is revoked by that a token has started: not by the token, for another of the same login may go on with it. */
export function sessionKeys({ principal, token }: Credentials): readonly Uint8Array[] {
  const { tenant, issuer } = principal;
  const { sid, login: subject, inherited } = token;
  const ofLogin: readonly Revocable[] =
    subject === undefined
      ? []
      : [
          { kind: 'login', issuer, subject },
          sid === undefined ? { kind: 'login_without_sid', issuer, subject } : { kind: 'sid', issuer, sid },
        ];
  return [
    ...ofLogin.flatMap((each) => [revocationKey(tenant, each), revocationKey(EVERY_TENANT, each)]),
    revocationKey(EVERY_TENANT, { kind: 'person', issuer, user: principal.subject }),
    ...readersOf(principal).map((name) => revocationKey(tenant, { kind: 'principal', name })),
    ...decoded(inherited?.ofSession),
  ];
}

/** A token that is given for these is revoked by all that they are. */
export function inheritedFrom(...given: readonly Credentials[]): Inherited {
  const encoded = (keys: readonly Uint8Array[]) => [
    ...new Set(keys.map((key) => Buffer.from(key).toString('base64url'))),
  ];
  const since = given.map(issuedSince);
  return {
    ofToken: encoded(given.flatMap(ownKeys)),
    ofSession: encoded(given.flatMap(sessionKeys)),
    ...(since.every((each) => each !== undefined) && { since: Math.min(...since) }),
  };
}

function decoded(keys: readonly string[] = []): readonly Uint8Array[] {
  return keys.map((key) => Buffer.from(key, 'base64url'));
}

/** A revocation of then or later concerns the token; absent: any does, for nobody knows when it was issued. */
export function revocableSince(credentials: Credentials): Date | undefined {
  const since = issuedSince(credentials);
  return since === undefined ? undefined : new Date((since - AHEAD_SECONDS) * 1_000);
}

/** Seconds since 1970: of the first of those that lead to it. */
function issuedSince({ token: { issuedAt, inherited } }: Credentials): number | undefined {
  return inherited === undefined ? issuedAt : inherited.since;
}

/** Told alike, whether it was revoked before a request or during it. */
export function revokedToken(): ClearanceError {
  return new ClearanceError('unauthenticated', 'The token is refused: it was revoked.');
}

/** Of a whole token; what is no token is taken for the hash itself. */
export function tokenHash(token: string): string {
  const end = token.lastIndexOf('.');
  return end === -1 ? token : createHash('sha256').update(token.slice(0, end)).digest('base64url');
}

const name = z.string().min(1).max(1_000).refine(isStorable, UNSTORABLE);
const user = z
  .string()
  .regex(/^user:[\w.~@+=/|%!-]{1,500}$/, 'must be a person as relationships name them: user:anne');

/** What an administrator can revoke. */
export const adminRevocation = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('session'), session_id: z.string().regex(/^[\w-]{1,100}$/) }),
  z.strictObject({
    kind: z.literal('token'),
    /** Itself, or the SHA-256 of it up to its second dot, in base64url. */
    token: z
      .string()
      .max(8_192)
      .regex(/^([\w-]+\.[\w-]+\.[\w-]+|[\w-]{43})$/, 'must be a token, or the hash of one'),
  }),
  z.strictObject({ kind: z.literal('jti'), issuer: name, jti: name }),
  z.strictObject({ kind: z.literal('sid'), issuer: name, sid: name }),
  z.strictObject({ kind: z.literal('login'), issuer: name, subject: name }),
  z.strictObject({ kind: z.literal('person'), user }),
  z.strictObject({ kind: z.literal('agent'), agent: agentId }),
  /** All agents that this person answers for. */
  z.strictObject({ kind: z.literal('agents_of'), user }),
]);
export type AdminRevocation = z.output<typeof adminRevocation>;

export const revocationRequest = z.discriminatedUnion('kind', [
  /** The token that is asked with. */
  z.strictObject({ kind: z.literal('own_token') }),
  ...adminRevocation.options,
]);
export type RevocationRequest = z.input<typeof revocationRequest>;

export const revocationResponse = z.object({
  kind: z.string(),
  /** From then on nothing is released to what was revoked. */
  in_force_since: z.iso.datetime(),
  /** Those whose tokens were revoked. */
  agents: z.array(z.string()).optional(),
});
export type RevocationResponse = z.infer<typeof revocationResponse>;
