import { type AuditLog, type AuditRecord, takeBack } from '../ports/audit.ts';
import type { HandOver, HandOverOutcome, HandOvers } from '../ports/hand-overs.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Credentials } from '../types/principal.ts';
import { revocableSince, revokedToken, tokenKeys } from '../types/revocation.ts';
import { tooLate } from './in-time.ts';

/**
 * An answer leaves within that of when it began to ask whether it still may. What asked later than a revocation is refused;
 * what asked before has left once that is over: so a revocation is acknowledged after `SETTLED_MS`, and nothing leaves later.
 */
const HAND_OVER_MS = 600;
/** Above `HAND_OVER_MS` by what an answer may take from that moment to its caller, and clocks may run apart. */
export const SETTLED_MS = 900;
/** A store that takes as long as that for a look-up has more to do than it can. */
const TRIES = 3;

/**
 * The last thing before an answer is given: whether its token and its session still count, `ready` being whatever else it needs. Its
 * caller has to hand the answer over with no wait in between. What is given is remembered, so that it can be taken back.
 */
export async function requireHandOver(
  handOvers: HandOvers,
  handOver: HandOver,
  ready: Promise<unknown>,
): Promise<void> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const began = performance.now();
    const [outcome] = await Promise.all([handOvers.confirm(handOver), ready]);
    if (outcome !== 'confirmed') throw refusals[outcome]();
    if (performance.now() - began <= HAND_OVER_MS) return;
  }
  throw new ClearanceError(
    'store_unavailable',
    'The store took too long to say whether the token was revoked, so nothing was released. Try again.',
  );
}

/**
 * As `requireHandOver`, for what is put down: gives what is made once its record is durable too. Where it is not given after all, or
 * too late, a second record says so.
 */
export async function handOverRecorded<T>(
  { audit, handOvers }: { readonly audit: AuditLog; readonly handOvers: HandOvers },
  record: AuditRecord,
  handOver: HandOver,
  make: () => Promise<T>,
  late: AbortSignal,
): Promise<T> {
  const recorded = audit.append(record);
  const made = make();
  try {
    await requireHandOver(handOvers, handOver, Promise.all([recorded, made]));
    if (late.aborted) throw tooLate();
    return await made;
  } catch (error) {
    await recorded;
    await takeBack(audit, record);
    throw error;
  }
}

export function handOverOf(credentials: Credentials, session?: HandOver['session']): HandOver {
  return {
    tenant: credentials.principal.tenant,
    keys: tokenKeys(credentials),
    since: revocableSince(credentials),
    ...(session && { session }),
  };
}

const refusals: Readonly<Record<Exclude<HandOverOutcome, 'confirmed'>, () => ClearanceError>> = {
  revoked: revokedToken,
  session_over: () => noSuchSession(),
  session_full: () =>
    new ClearanceError(
      'session_full',
      'This session has been given as many documents as it can keep account of. Leave session_id out to start one.',
    ),
};

export function noSuchSession(): ClearanceError {
  return new ClearanceError('not_found', 'No such session. Leave session_id out to start one.');
}
