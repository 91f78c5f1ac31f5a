import { z } from 'zod';
import type { Branded } from './brand.ts';

/** Who a request acts for. Made only by verifying a token, so its parts are trusted from here on. */
export type Principal = Branded<
  {
    readonly tenant: string;
    readonly issuer: string;
    /** The person, as the engine knows them: `user:anne`. */
    readonly subject: string;
    /** The agent that asks for the person, `agent:support-bot`; absent when a person calls directly. */
    readonly actor?: string;
  },
  'Principal'
>;

/** All who must be able to read what is released: the person and, where one asks, the agent. */
export function readersOf({ subject, actor }: Principal): readonly string[] {
  return actor === undefined ? [subject] : [subject, actor];
}

const AGENT = 'agent:';

/** The agents among them, without their type: the one that asks for a person, or by itself. */
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
  /** SHA-256 of what is signed, in base64url. */
  readonly hash: string;
  /** Its `sub`, as the issuer has it. */
  readonly login: string;
  readonly jti?: string;
  /** The session at the issuer that it belongs to. */
  readonly sid?: string;
  /** Seconds since 1970. */
  readonly issuedAt?: number;
  readonly expiresAt: number;
};

/** A verified token: the principal, and what it may do. */
export type Credentials = {
  readonly principal: Principal;
  readonly token: TokenFacts;
  readonly scopes: ReadonlySet<Scope>;
  /** The source whose documents an `ingest` token may write. */
  readonly source?: string;
};
