import { createHash } from 'node:crypto';
import type { AuditLog, AuditRecord } from '../ports/audit.ts';
import type { Passages, PassageText } from '../ports/passages.ts';
import type { Candidate } from '../ports/search.ts';
import { whoIs } from '../types/principal.ts';
import type { Shortfall } from '../types/retrieval.ts';
import type { TupleKey } from '../types/tuple.ts';
import { type Clearance, isClearance } from './enforce.ts';

export type Release = { readonly audit: AuditLog; readonly passages: Passages };

/** Text that may leave, and the score it was found with. Made here only. */
class Passage {
  readonly #text: PassageText;
  readonly score: number;

  constructor(text: PassageText, candidate: Candidate) {
    this.#text = text;
    this.score = candidate.score;
  }

  get content(): PassageText {
    return this.#text;
  }
}

export type { Passage };

export type Released = {
  readonly passages: readonly Passage[];
  /** As the clearance says, unless a version was replaced or withdrawn while this request was under way. */
  readonly shortfall: Shortfall | undefined;
  readonly certified: boolean;
};

/** Writes the audit record, then reads text: exactly the chunks cleared, and none whose version is no longer published. */
export async function release(
  { audit, passages }: Release,
  clearance: Clearance,
  occasion: { readonly event: AuditRecord['event']; readonly details: Readonly<Record<string, unknown>> },
): Promise<Released> {
  if (!isClearance(clearance)) throw new TypeError('Only what enforce has cleared can be released.');
  const { principal, candidates } = clearance;
  await audit.append({
    ...whoIs(principal),
    decisionId: clearance.decisionId,
    event: occasion.event,
    details: {
      ...occasion.details,
      released: candidates.map(({ documentId, chunkId, version }) => ({ documentId, chunkId, version })),
      ...(clearance.withheld.length === 0
        ? {}
        : { withheld: clearance.withheld.map(({ documentId, version }) => ({ documentId, version })) }),
      reasons: reasonsOf(clearance),
      checked: clearance.checked,
      complete: clearance.complete,
      watermark: clearance.watermark,
    },
  });
  const texts = candidates.length === 0 ? [] : await passages.read(principal.tenant, candidates);
  const byChunk = new Map(texts.map((text) => [text.chunkId, text]));
  const released = candidates.flatMap((candidate) => {
    const text = byChunk.get(candidate.chunkId);
    const same = text?.version === candidate.version && text.documentId === candidate.documentId;
    return same ? [new Passage(text, candidate)] : [];
  });
  const whole = released.length === candidates.length;
  return {
    passages: released,
    shortfall: clearance.shortfall ?? (whole ? undefined : 'document_changed'),
    certified: clearance.certified && whole,
  };
}

/** Of each released document, as relationships are written: `user relation object`. */
function reasonsOf({ candidates, reasons }: Clearance): Readonly<Record<string, unknown>> {
  const released = new Set(candidates.map(({ documentId }) => documentId));
  const written = ({ user, relation, object }: TupleKey) => `${user} ${relation} ${object}`;
  return Object.fromEntries(
    [...released].map((documentId) => [
      documentId,
      (reasons.get(documentId) ?? []).map(({ claim, by }) => ({
        user: claim.user,
        by: typeof by === 'string' ? by : by.links.map(written),
      })),
    ]),
  );
}

/** What the audit trail keeps of a query: enough to find it again, not enough to read it. */
export function queryHash(query: string): string {
  return createHash('sha256').update(query).digest('hex');
}
