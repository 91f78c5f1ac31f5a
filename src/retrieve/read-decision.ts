import { z } from 'zod';
import type { Decisions } from '../ports/audit.ts';
import type { HandOvers } from '../ports/hand-overs.ts';
import type { Identity } from '../ports/identity.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Presented } from '../types/presented.ts';
import { authenticate } from './authenticate.ts';
import { handOverOf, requireHandOver } from './hand-over.ts';
import { inTime } from './in-time.ts';

export const decisionResponse = z.object({
  decision_id: z.string(),
  at: z.iso.datetime(),
  event: z.string(),
  issuer: z.string(),
  subject: z.string(),
  /** The agents that it went through; empty where a person asked directly. */
  chain: z.array(z.string()),
  /** What was released and why: for each document and principal the relationships that the engine was asked about, or how else. */
  details: z.record(z.string(), z.unknown()),
  /** Nothing of it was given, or done, after all. */
  withheld: z.boolean(),
});
export type DecisionResponse = z.infer<typeof decisionResponse>;

/** What was decided and why, as the audit trail has it, for the scope `admin`. */
export function readDecision(
  path: { readonly identity: Identity; readonly decisions: Decisions; readonly handOvers: HandOvers },
  presented: Presented | undefined,
  id: string,
): Promise<DecisionResponse> {
  return inTime(() => inOrder(path, presented, id));
}

async function inOrder(
  { identity, decisions, handOvers }: Parameters<typeof readDecision>[0],
  presented: Presented | undefined,
  id: string,
): Promise<DecisionResponse> {
  const credentials = await authenticate(identity, presented, 'admin');
  const reading = decisions.find(credentials.principal.tenant, id);
  await requireHandOver(handOvers, handOverOf(credentials), reading);
  const found = await reading;
  if (found === undefined) throw new ClearanceError('not_found', 'No such decision.');
  const { at, event, issuer, subject, chain, details, withheld } = found;
  return {
    decision_id: id,
    at: at.toISOString(),
    event,
    issuer,
    subject,
    chain: [...chain],
    details,
    withheld,
  };
}
