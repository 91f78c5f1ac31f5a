import { randomBytes } from 'node:crypto';
import type { Remembered, Session, Sessions } from '../ports/sessions.ts';
import type { Credentials, Principal } from '../types/principal.ts';
import { revocableSince, sessionKeys } from '../types/revocation.ts';
import { noSuchSession } from './hand-over.ts';

const SESSION_LIFETIME_MS = 60 * 60 * 1_000;
/** What an id can look like; a store is not asked for anything else. */
const ISSUED = /^[\w-]{1,100}$/;

export async function startSession(sessions: Sessions, credentials: Credentials): Promise<Session> {
  const session = {
    id: randomBytes(18).toString('base64url'),
    principal: credentials.principal,
    keys: sessionKeys(credentials),
    since: revocableSince(credentials),
    expiresAt: new Date(Date.now() + SESSION_LIFETIME_MS),
  };
  await sessions.create(session);
  return session;
}

/** The id of the principal's own open session, or of a new one. Another's, an expired and an unknown id are one and the same 404. */
export async function openSession(
  sessions: Sessions,
  credentials: Credentials,
  id: string | undefined,
): Promise<string> {
  if (id === undefined) return (await startSession(sessions, credentials)).id;
  if (!ISSUED.test(id) || !(await sessions.isOpen(id, credentials.principal, new Date())))
    throw noSuchSession();
  return id;
}

export async function endSession(sessions: Sessions, principal: Principal, id: string): Promise<void> {
  if (!ISSUED.test(id) || !(await sessions.end(id, principal))) throw noSuchSession();
}

/** What was released in a session of the principal's own. */
export async function rememberedIn(
  sessions: Sessions,
  principal: Principal,
  id: string,
): Promise<Remembered> {
  const found = ISSUED.test(id) ? await sessions.remembered(id, principal, new Date()) : undefined;
  if (found === undefined) throw noSuchSession();
  return found;
}
