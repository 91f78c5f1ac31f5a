import { z } from 'zod';
import {
  type Credentials,
  DEFAULT_TENANT,
  MAX_CHAIN,
  type Principal,
  type Scope,
  scopes,
  type TokenFacts,
  tenantName,
} from '../../types/principal.ts';
import { sourceId } from '../../types/source.ts';
import { engineUser } from './engine-user.ts';
import { clientsIn, machineIn } from './machine.ts';
import { refused } from './refusal.ts';
import type { TrustedIssuer } from './trusted-issuer.ts';

const name = z.string().min(1).max(200);

/** In one text, as RFC 9068 has scopes, or as a list. */
const words = z
  .union([z.string(), z.array(z.string())])
  .transform((said) => (typeof said === 'string' ? said.split(' ') : said));

/** Present but unreadable is refused: it could not be revoked by it. */
const identifier = z.string().min(1).max(1_000);

const claims = z.object({
  sub: name,
  azp: name.optional(),
  client_id: name.optional(),
  email_verified: z.boolean().optional(),
  scope: words.default([]),
  /** Okta's and Entra's name of it. */
  scp: words.default([]),
  source: sourceId.optional(),
  tenant: tenantName.optional(),
  jti: identifier.optional(),
  sid: identifier.optional(),
  iat: z.number().optional(),
});
type Claims = z.output<typeof claims>;
type Payload = Readonly<Record<string, unknown>>;

/** RFC 8693, section 4.1: who acts for the subject, and in it whom that one acts for. */
const act = z.object({ sub: name, iss: z.string().optional(), act: z.unknown().optional() });

/** What the claims of a token say, beside its time and its key. */
export type Said = Omit<Credentials, 'expiresAt' | 'boundTo' | 'token'> & {
  readonly token: Omit<TokenFacts, 'issuer' | 'hash'>;
};

/** What verified claims of an issuer say, as far as it may say it; anything they leave unclear is refused. */
export function readClaims(payload: Payload, trusted: TrustedIssuer): Said {
  const read = parsed(claims, payload);
  const { source } = read;
  requireClient(payload, trusted);
  const onlyActor = onlyActorOf(payload, trusted);
  const said = [...read.scope, ...read.scp, ...appRolesIn(payload)];
  const granted = new Set(said.filter(isScope).filter((each) => trusted.scopes.has(each)));
  if (granted.has('ingest') && source === undefined && !granted.has('admin')) {
    throw refused('it has the scope "ingest" but no claim "source" that says whose documents it may write.');
  }
  return {
    principal: principal({
      tenant: tenantOf(read, trusted),
      issuer: trusted.issuer,
      subject: subjectOf(payload, read, trusted),
      chain: chainOf(payload, (hop) => nameOfAgent(hop, trusted)),
    }),
    token: {
      login: read.sub,
      ...(read.jti !== undefined && { jti: read.jti }),
      ...(read.sid !== undefined && { sid: read.sid }),
      ...(read.iat !== undefined && { issuedAt: read.iat }),
    },
    scopes: granted,
    ...(source !== undefined && { source }),
    ...(onlyActor !== undefined && { onlyActor }),
  };
}

type Hop = z.output<typeof act>;

/** The agents of an `act`, the current one first. Present but unreadable is refused, never ignored. */
export function chainOf({ act: outermost }: Payload, nameOf: (hop: Hop) => string): readonly string[] {
  const chain: string[] = [];
  for (let inner = outermost, path = 'act'; inner !== undefined; path += '.act') {
    if (chain.length === MAX_CHAIN) {
      throw refused(`more than ${MAX_CHAIN} agents stand between its subject and its bearer ("act").`);
    }
    const hop = parsed(act, inner, path);
    chain.push(nameOf(hop));
    inner = hop.act;
  }
  return chain;
}

/** What no agent is called. */
const NOBODY = 'agent:';

/** RFC 8693, section 4.4: the one agent that may act for the subject by exchange. One that can't be told here is nobody. */
function onlyActorOf({ may_act: named }: Payload, trusted: TrustedIssuer): string | undefined {
  if (named === undefined) return undefined;
  const { success, data } = act.safeParse(named);
  const known = success && (data.iss === undefined || data.iss === trusted.issuer);
  return known ? engineUser('agent', data.sub, trusted.namespace) : NOBODY;
}

function nameOfAgent({ sub, iss }: Hop, { issuer, namespace }: TrustedIssuer): string {
  if (iss !== undefined && iss !== issuer) {
    throw refused('its agent ("act") comes from another issuer; it may name agents of its own only.');
  }
  return engineUser('agent', sub, namespace);
}

/** What Entra lets an application do for itself. What others call roles, or what people's are, is none of our scopes. */
function appRolesIn({ idtyp, roles }: Payload): readonly string[] {
  return idtyp === 'app' && roles !== undefined ? parsed(words, roles, 'roles') : [];
}

function requireClient(payload: Payload, { clients }: TrustedIssuer): void {
  if (clients === undefined) return;
  const named = [...clientsIn(payload)];
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

function subjectOf(payload: Payload, read: Claims, trusted: TrustedIssuer): string {
  const machine = machineIn(payload);
  return machine === undefined
    ? engineUser('user', personIn(payload, read, trusted), trusted.namespace)
    : engineUser('agent', machine, trusted.namespace);
}

/** An address that nobody has checked may be another's. */
function personIn(payload: Payload, { email_verified }: Claims, { userClaim }: TrustedIssuer): string {
  const person = parsed(z.object({ [userClaim]: name }), payload)[userClaim];
  if (userClaim === 'email' && email_verified !== true) {
    throw refused('its address is not verified ("email_verified"), so it does not tell who is asking.');
  }
  return person ?? '';
}

/** `at`: the claim that is parsed, where it is not all of them. */
export function parsed<T>(shape: z.ZodType<T>, payload: unknown, at?: string): T {
  const { success, data, error } = shape.safeParse(payload);
  if (success) return data;
  const [issue] = error.issues;
  const path = [...(at === undefined ? [] : [at]), ...(issue?.path ?? [])].join('.');
  throw refused(`its claim "${path}" is not usable: ${issue?.message}.`);
}

/** Scopes of other services, `openid` for one, may stand in the same token. */
function isScope(word: string): word is Scope {
  return (scopes as readonly string[]).includes(word);
}

type Parts = Readonly<Record<'tenant' | 'issuer' | 'subject', string>> & {
  readonly chain: readonly string[];
};

/** The one place where a principal is made: of whom each is there once, for nobody acts for itself. */
export function principal(parts: Parts): Principal {
  const { subject, chain } = parts;
  if (new Set([subject, ...chain]).size !== chain.length + 1) {
    throw refused('somebody in it acts for itself ("act").');
  }
  return Object.freeze({ ...parts, chain: Object.freeze([...chain]) }) as Principal;
}
