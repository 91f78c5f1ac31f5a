import { randomBytes } from 'node:crypto';
import type { Session, Sessions } from '../ports/sessions.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Principal } from '../types/principal.ts';

const SESSION_LIFETIME_MS = 60 * 60 * 1_000;
/** What an id can look like; a store is not asked for anything else. */
const ISSUED = /^[\w-]{1,100}$/;

export async function startSession(sessions: Sessions, principal: Principal): Promise<Session> {
  const session = {
    id: randomBytes(18).toString('base64url'),
    principal,
    expiresAt: new Date(Date.now() + SESSION_LIFETIME_MS),
  };
  await sessions.create(session);
  return session;
}

/** The id of the principal's own open session, or of a new one. Another's, an expired and an unknown id are one and the same 404. */
export async function openSession(
  sessions: Sessions,
  principal: Principal,
  id: string | undefined,
): Promise<string> {
  if (id === undefined) return (await startSession(sessions, principal)).id;
  if (!ISSUED.test(id) || !(await sessions.isOpen(id, principal, new Date()))) throw noSuchSession();
  return id;
}

export async function endSession(sessions: Sessions, principal: Principal, id: string): Promise<void> {
  if (!ISSUED.test(id) || !(await sessions.end(id, principal))) throw noSuchSession();
}

function noSuchSession(): ClearanceError {
  return new ClearanceError('not_found', 'No such session. Leave session_id out to start one.');
}
