import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agents } from '../ports/agents.ts';
import { type AuditLog, type AuditRecord, takeBack, whoOf } from '../ports/audit.ts';
import type { Revocation, Revocations } from '../ports/revocations.ts';
import type { Sessions } from '../ports/sessions.ts';
import { ClearanceError } from '../types/errors.ts';
import { parseInput } from '../types/parse.ts';
import type { Credentials, Principal } from '../types/principal.ts';
import {
  type AdminRevocation,
  type Revocable,
  type RevocationRequest,
  type RevocationResponse,
  revocationKey,
  revocationRequest,
  tokenHash,
} from '../types/revocation.ts';

export type Revoking = {
  readonly revocations: Revocations;
  readonly sessions: Pick<Sessions, 'end' | 'endAnyones'>;
  readonly agents: Agents;
  readonly audit: AuditLog;
  /** What the trail calls whom a login is of: a person, so that it keeps a pseudonym. */
  readonly loginName: (login: Login) => string;
  /** Milliseconds after which every answer has left that was given before: then a revocation is acknowledged. */
  readonly settledMs: number;
};

type Login = { readonly issuer: string; readonly subject: string };

/** Anyone revokes the token that they ask with, and a session of their own; an administrator all that is their tenant's. */
export async function revoke(
  parts: Revoking,
  { principal, scopes, token, expiresAt }: Pick<Credentials, 'principal' | 'scopes' | 'token' | 'expiresAt'>,
  input: RevocationRequest,
): Promise<RevocationResponse> {
  const request = parseInput(revocationRequest, input);
  if (request.kind === 'own_token') {
    const { hash } = token;
    const until = new Date(expiresAt.getTime() + AFTER_EXPIRY_SECONDS * 1_000);
    await audit(parts, principal, { kind: request.kind, hash });
    await parts.revocations.add([{ ...foreverOf(principal.tenant, { kind: 'token', hash }), until }]);
    return settled(parts, { kind: request.kind });
  }
  if (scopes.has('admin')) return revokeAny(parts, principal, request);
  if (request.kind === 'session') {
    return endSession(parts, principal, request, () => parts.sessions.end(request.session_id, principal));
  }
  throw new ClearanceError(
    'forbidden',
    'Without the scope "admin" you can revoke your own token and your own sessions, and nothing else.',
  );
}

/** A token counts until a little after it has expired, for clocks differ. */
const AFTER_EXPIRY_SECONDS = 60;

/** For administrators: the caller has made sure. */
export async function revokeAny(
  parts: Revoking,
  by: Principal,
  request: AdminRevocation,
): Promise<RevocationResponse> {
  const { tenant } = by;
  if (request.kind === 'session') {
    return endSession(parts, by, request, () => parts.sessions.endAnyones(tenant, request.session_id));
  }
  if (request.kind === 'agents_of') {
    const agents = await parts.agents.ownedBy(tenant, request.user);
    await audit(parts, by, { ...request, agents });
    await parts.revocations.add(
      agents.map((agent) => untilNow(tenant, { kind: 'principal', name: `agent:${agent}` })),
    );
    return settled(parts, { kind: request.kind, agents: [...agents] });
  }
  await audit(parts, by, told(parts, request));
  await parts.revocations.add([revocationOf(tenant, request)]);
  return settled(parts, { kind: request.kind });
}

async function endSession(
  parts: Revoking,
  by: Principal,
  request: Extract<AdminRevocation, { kind: 'session' }>,
  end: () => Promise<boolean>,
): Promise<RevocationResponse> {
  const decision = await audit(parts, by, request);
  if (await end()) return settled(parts, { kind: request.kind });
  await takeBack(parts.audit, decision);
  throw new ClearanceError('not_found', 'No such session.');
}

/** As the trail has it: no token, and nobody by a name that it has no pseudonym for. */
export function told(
  { loginName }: Pick<Revoking, 'loginName'>,
  of: Revocable | AdminRevocation,
): Readonly<Record<string, unknown>> {
  if ('token' in of) return { kind: of.kind, hash: tokenHash(of.token) };
  if ('subject' in of) return { ...of, subject: loginName(of) };
  return of;
}

function revocationOf(
  tenant: string,
  request: Exclude<AdminRevocation, { kind: 'session' | 'agents_of' }>,
): Revocation {
  switch (request.kind) {
    case 'token':
      return foreverOf(tenant, { kind: 'token', hash: tokenHash(request.token) });
    case 'jti':
    case 'sid':
      return foreverOf(tenant, request);
    case 'login':
      return untilNow(tenant, request);
    case 'person':
      return untilNow(tenant, { kind: 'principal', name: request.user });
    case 'agent':
      return untilNow(tenant, { kind: 'principal', name: `agent:${request.agent}` });
  }
}

function foreverOf(tenant: string, revocable: Revocable): Revocation {
  return { tenant, kind: revocable.kind, key: revocationKey(tenant, revocable), before: 'forever' };
}

function untilNow(tenant: string, revocable: Revocable): Revocation {
  return { tenant, kind: revocable.kind, key: revocationKey(tenant, revocable), before: 'now' };
}

/** What it may still have let through has left by then. */
async function settled(
  { settledMs }: Revoking,
  response: Omit<RevocationResponse, 'in_force_since'>,
): Promise<RevocationResponse> {
  await sleep(settledMs);
  return { ...response, in_force_since: new Date().toISOString() };
}

async function audit(parts: Revoking, by: Principal, details: AuditRecord['details']) {
  const decision = { ...whoOf(by), decisionId: randomUUID() };
  await parts.audit.append({ ...decision, event: 'revoke', details });
  return decision;
}
