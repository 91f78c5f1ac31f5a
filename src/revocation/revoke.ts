import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Agents } from '../ports/agents.ts';
import { type AuditLog, whoOf } from '../ports/audit.ts';
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
  /** Milliseconds after which every answer has left that was given before: then a revocation is acknowledged. */
  readonly settledMs: number;
};

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
    const own: Revocable = { kind: 'token', hash };
    await audit(parts, principal, request.kind, own);
    await parts.revocations.add([{ ...foreverOf(principal.tenant, own), until }]);
  } else if (scopes.has('admin')) {
    return revokeAny(parts, principal, request);
  } else if (request.kind === 'session') {
    await audit(parts, principal, request.kind, request);
    if (!(await parts.sessions.end(request.session_id, principal))) throw noSuchSession();
  } else {
    throw new ClearanceError(
      'forbidden',
      'Without the scope "admin" you can revoke your own token and your own sessions, and nothing else.',
    );
  }
  return settled(parts, { kind: request.kind });
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
    await audit(parts, by, request.kind, request);
    if (!(await parts.sessions.endAnyones(tenant, request.session_id))) throw noSuchSession();
    return settled(parts, { kind: request.kind });
  }
  if (request.kind === 'agents_of') {
    const agents = await parts.agents.ownedBy(tenant, request.user);
    await audit(parts, by, request.kind, { ...request, agents });
    await parts.revocations.add(
      agents.map((agent) => untilNow(tenant, { kind: 'principal', name: `agent:${agent}` })),
    );
    return settled(parts, { kind: request.kind, agents: [...agents] });
  }
  const revocation = revocationOf(tenant, request);
  const { token: _, ...told } = { token: undefined, ...request };
  await audit(parts, by, request.kind, told);
  await parts.revocations.add([revocation]);
  return settled(parts, { kind: request.kind });
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

function audit(
  { audit }: Pick<Revoking, 'audit'>,
  by: Principal,
  kind: string,
  of: Readonly<Record<string, unknown>>,
): Promise<void> {
  return audit.append({ ...whoOf(by), decisionId: randomUUID(), event: 'revoke', details: { ...of, kind } });
}

function noSuchSession(): ClearanceError {
  return new ClearanceError('not_found', 'No such session.');
}
