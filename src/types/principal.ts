import { z } from 'zod';
import type { Branded } from './brand.ts';

/** Who a request acts for. Made only by verifying a token, so its parts are trusted from here on. */
export type Principal = Branded<
  {
    readonly tenant: string;
    readonly issuer: string;
    /** The person, as the engine knows them: `user:anne`. */
    readonly subject: string;
    /**
     * The agents through which the request comes, `agent:support-bot`: first the one that asks, then the one that it acts for, up
     * to the one that the person has turned to. Empty when a person calls directly.
     */
    readonly chain: readonly string[];
  },
  'Principal'
>;

/** Agents that may stand between a person and a passage, each of which has to be trusted with it. */
export const MAX_CHAIN = 4;

/** All who must be able to read what is released: the person and every agent, for each of them has it in its hands. */
export function readersOf({ subject, chain }: Principal): readonly string[] {
  return [subject, ...chain];
}

/** The same person through one agent more. Whether that agent may act for them is asked where this is used. */
export function throughAgent({ tenant, issuer, subject, chain }: Principal, agent: string): Principal {
  return Object.freeze({ tenant, issuer, subject, chain: Object.freeze([agent, ...chain]) }) as Principal;
}

/** How an agent's name as the engine knows it begins. */
export const AGENT = 'agent:';

/** The agents among them, without their type: those that ask for a person, and one that asks by itself. */
export function agentsOf(principal: Principal): readonly string[] {
  return readersOf(principal)
    .filter((reader) => reader.startsWith(AGENT))
    .map((agent) => agent.slice(AGENT.length));
}

/** Of a token that names none. */
export const DEFAULT_TENANT = 'default';

export const tenantName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}$/,
    'must be 1 to 63 lower-case letters, digits and hyphens, no hyphen first',
  );

export const scopes = ['retrieve', 'ingest', 'admin'] as const;
export type Scope = (typeof scopes)[number];

/** The source of documents that an administrator writes without naming one; no token may claim it. */
export const ADMIN_SOURCE = 'admin';

/** What a token says of itself, by which it can be revoked. */
export type TokenFacts = {
  readonly issuer: string;
  /** SHA-256 of what is signed, in base64url. */
  readonly hash: string;
  /** Its `sub`, as the issuer of the person has it; absent in one of the service's own. */
  readonly login?: string;
  readonly jti?: string;
  /** The session at the issuer that it belongs to. */
  readonly sid?: string;
  /** Seconds since 1970. */
  readonly issuedAt?: number;
  /** By what those can be revoked that it was given for in exchange. */
  readonly inherited?: Inherited;
};

/** Names of revocations, as `src/types/revocation.ts` makes them, in base64url. */
export type Inherited = {
  readonly ofToken: readonly string[];
  /** Of a session too. */
  readonly ofSession: readonly string[];
  /** Seconds since 1970; absent where one of the tokens does not say when it was issued. */
  readonly since?: number;
};

/** A verified token: the principal, and what it may do. */
export type Credentials = {
  readonly principal: Principal;
  readonly token: TokenFacts;
  readonly scopes: ReadonlySet<Scope>;
  /** The source whose documents an `ingest` token may write. */
  readonly source?: string;
  /** The only agent that may be given a token in exchange for this one, where its issuer says so (`may_act`). */
  readonly onlyActor?: string;
  readonly expiresAt: Date;
  /** The thumbprint of the key that the token is bound to (RFC 9449). */
  readonly boundTo?: string;
  /** The service's own: its agents act by `can_act_for`, and not by the word of an issuer. */
  readonly exchanged?: true;
};

/** What a token is made of that the service gives in exchange. */
export type Granted = Omit<Credentials, 'token'> & { readonly inherited: Inherited };
