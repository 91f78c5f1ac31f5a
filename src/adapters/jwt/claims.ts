import { z } from 'zod';
import {
  ADMIN_SOURCE,
  type Credentials,
  DEFAULT_TENANT,
  type Principal,
  type Scope,
  scopes,
  tenantName,
} from '../../types/principal.ts';
import { engineUser } from './engine-user.ts';
import { refused } from './refusal.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';

const name = z.string().min(1).max(200);

/** Present but unreadable is refused: it could not be revoked by it. */
const identifier = z.string().min(1).max(1_000);

const claims = z.object({
  sub: name,
  /** RFC 8693, section 4.1: who acts for the subject. Present but unreadable is refused, never ignored. */
  act: z.object({ sub: name, iss: z.string().optional(), act: z.unknown().optional() }).optional(),
  azp: name.optional(),
  client_id: name.optional(),
  email_verified: z.boolean().optional(),
  scope: z.string().default(''),
  source: z
    .string()
    .regex(/^[^\p{Cc}\p{Cs}]{1,200}$/u, 'must be 1 to 200 characters without control characters')
    .refine(
      (source) => source !== ADMIN_SOURCE,
      `must not be "${ADMIN_SOURCE}", which is the administrators' own`,
    )
    .optional(),
  tenant: tenantName.optional(),
  jti: identifier.optional(),
  sid: identifier.optional(),
  iat: z.number().optional(),
  exp: z.number(),
});
type Claims = z.output<typeof claims>;
type Payload = Readonly<Record<string, unknown>>;

/** What verified claims of an issuer say, as far as it may say it; anything they leave unclear is refused. */
export function readClaims(payload: Payload, trusted: TrustedIssuer, hash: string): Credentials {
  const read = parsed(claims, payload);
  const { act, scope, source } = read;
  requireClient(read, trusted);
  if (act?.act !== undefined) {
    throw refused('it has an "act" inside its "act"; chains of agents are not supported yet.');
  }
  if (act?.iss !== undefined && act.iss !== trusted.issuer) {
    throw refused('its agent ("act") comes from another issuer; only agents of the same issuer are known.');
  }
  const granted = new Set(
    scope
      .split(' ')
      .filter(isScope)
      .filter((each) => trusted.scopes.has(each)),
  );
  if (granted.has('ingest') && source === undefined && !granted.has('admin')) {
    throw refused('it has the scope "ingest" but no claim "source" that says whose documents it may write.');
  }
  return {
    principal: principal({
      tenant: tenantOf(read, trusted),
      issuer: trusted.issuer,
      subject: subjectOf(payload, read, trusted),
      ...(act && { actor: engineUser('agent', act.sub, trusted.namespace) }),
    }),
    token: {
      hash,
      login: read.sub,
      expiresAt: read.exp,
      ...(read.jti !== undefined && { jti: read.jti }),
      ...(read.sid !== undefined && { sid: read.sid }),
      ...(read.iat !== undefined && { issuedAt: read.iat }),
    },
    scopes: granted,
    ...(source !== undefined && { source }),
  };
}

function requireClient({ azp, client_id }: Claims, { clients }: TrustedIssuer): void {
  if (clients === undefined) return;
  const named = [azp, client_id].filter((client) => client !== undefined);
  if (named.length === 0) throw refused('it does not say which client it was given to ("client_id", "azp").');
  if (!named.every((client) => clients.has(client)))
    throw refused('it was given to a client ("client_id", "azp") that may not ask here.');
}

function tenantOf({ tenant }: Claims, { tenants }: TrustedIssuer): string {
  if (tenants === undefined) return tenant ?? DEFAULT_TENANT;
  const [only] = tenants.size === 1 ? tenants : [];
  const named = tenant ?? only ?? DEFAULT_TENANT;
  if (!tenants.has(named)) throw refused('its issuer may not speak for its tenant ("tenant").');
  return named;
}

/** RFC 9068, section 2.2: a client that asks for itself is its own subject. It is an agent, and nobody's person. */
function subjectOf(payload: Payload, read: Claims, trusted: TrustedIssuer): string {
  return read.sub === read.client_id
    ? engineUser('agent', read.sub, trusted.namespace)
    : engineUser('user', personIn(payload, read, trusted), trusted.namespace);
}

/** An address that nobody has checked may be another's. */
function personIn(payload: Payload, { email_verified }: Claims, { userClaim }: TrustedIssuer): string {
  const person = parsed(z.object({ [userClaim]: name }), payload)[userClaim];
  if (userClaim === 'email' && email_verified !== true) {
    throw refused('its address is not verified ("email_verified"), so it does not tell who is asking.');
  }
  return person ?? '';
}

function parsed<T>(shape: z.ZodType<T>, payload: unknown): T {
  const { success, data, error } = shape.safeParse(payload);
  if (success) return data;
  const [issue] = error.issues;
  throw refused(`its claim "${issue?.path.join('.')}" is not usable: ${issue?.message}.`);
}

/** Scopes of other services, `openid` for one, may stand in the same token. */
function isScope(word: string): word is Scope {
  return (scopes as readonly string[]).includes(word);
}

/** The one place where a principal is made. */
function principal(parts: { tenant: string; issuer: string; subject: string; actor?: string }): Principal {
  return Object.freeze(parts) as Principal;
}
