import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Revocation } from '../ports/revocations.ts';
import type { LoggedOut } from '../ports/security-events.ts';
import { DEFAULT_TENANT } from '../types/principal.ts';
import { EVERY_TENANT, type Revocable, revocationKey } from '../types/revocation.ts';
import { type Revoking, told } from './revoke.ts';

/** What an issuer says of its own tokens holds in every tenant that it speaks for. False where it has come before. */
export async function logOut(parts: Revoking, said: LoggedOut): Promise<boolean> {
  // Its sender needs no token: what it repeats must not fill the trail.
  const first = !(await parts.revocations.hasCome(said.once)) && (await carryOut(parts, said));
  // Of one that came a moment ago too: it is acknowledged only once it is in force everywhere.
  await sleep(parts.settledMs);
  return first;
}

/** False where the same came at the same moment, to whichever copy. */
async function carryOut(parts: Revoking, { issuer, tenants, what, at, once }: LoggedOut): Promise<boolean> {
  // Put down where its administrators look.
  for (const tenant of tenants ?? [DEFAULT_TENANT]) {
    await parts.audit.append({
      tenant,
      decisionId: randomUUID(),
      event: 'revoke',
      issuer,
      subject: 'issuer',
      chain: [],
      details: { kind: 'logout', what: what.map((each) => told(parts, each)), at: at.toISOString() },
    });
  }
  return parts.revocations.add(
    what.map((each) => revocationOf(each, at)),
    once,
  );
}

/** A session at the issuer that has ended does not come back; a person may log in again. */
function revocationOf(revocable: Revocable, at: Date): Revocation {
  const { kind } = revocable;
  return {
    tenant: EVERY_TENANT,
    kind,
    key: revocationKey(EVERY_TENANT, revocable),
    before: kind === 'sid' ? 'forever' : at,
  };
}
