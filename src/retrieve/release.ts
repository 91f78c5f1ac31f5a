import { type AuditLog, type AuditRecord, whoOf } from '../ports/audit.ts';
import type { Passages, PassageText } from '../ports/passages.ts';
import type { Reasons } from '../ports/proofs.ts';
import type { Candidate } from '../ports/search.ts';
import type { Link } from '../types/link.ts';
import type { Shortfall } from '../types/retrieval.ts';
import type { TupleKey } from '../types/tuple.ts';
import { type Clearance, isClearance } from './enforce.ts';
import type { Reason } from './judged.ts';

export type Release = {
  readonly audit: AuditLog;
  readonly passages: Passages;
  readonly evidence: Evidence;
};

/** What a record says beside what was decided. */
export type Evidence = {
  /** Enough of a query to find it again with the key, and nothing to read it by. */
  queryHash(tenant: string, query: string): string;
  /** The model that the verdicts are of. */
  modelId(tenant: string): Promise<string>;
  /** Where the engine was asked whole claims: the relationships that lead there, as the permission index has them. */
  readonly chains: Reasons['chains'];
};

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
  { audit, passages, evidence }: Release,
  clearance: Clearance,
  occasion: { readonly event: AuditRecord['event']; readonly details: Readonly<Record<string, unknown>> },
): Promise<Released> {
  if (!isClearance(clearance)) throw new TypeError('Only what enforce has cleared can be released.');
  const { principal, candidates, checked, asked } = clearance;
  await audit.append({
    ...whoOf(principal),
    decisionId: clearance.decisionId,
    event: occasion.event,
    details: {
      ...occasion.details,
      released: candidates.map(({ documentId, chunkId, version }) => ({ documentId, chunkId, version })),
      ...(clearance.withheld.length === 0
        ? {}
        : { withheld: clearance.withheld.map(({ documentId, version }) => ({ documentId, version })) }),
      reasons: reasonsOf(clearance, evidence),
      candidates: { checked, listed: asked },
      model: await evidence.modelId(principal.tenant),
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

/** Of each released document, relationships as they are written: `user relation object`. */
function reasonsOf(
  { principal, candidates, reasons }: Clearance,
  { chains }: Evidence,
): Readonly<Record<string, unknown>> {
  const recorded = ({ claim, by }: Reason) => {
    const { user } = claim;
    if (typeof by !== 'string') return { user, by: by.links.map(written) };
    const [way] = chains(principal.tenant, [claim]);
    return { user, by, ...(way === undefined ? {} : { way: way.flatMap(relationshipOf) }) };
  };
  const released = new Set(candidates.map(({ documentId }) => documentId));
  return Object.fromEntries(
    [...released].map((documentId) => [documentId, (reasons.get(documentId) ?? []).map(recorded)]),
  );
}

function written({ user, relation, object }: TupleKey): string {
  return `${user} ${relation} ${object}`;
}

/** None for a step that follows from the model alone. */
function relationshipOf(link: Link): readonly string[] {
  if (link.kind === 'computed') return [];
  if (link.kind === 'tuple') return [written(link)];
  return [`${link.parent} ${link.tupleset} ${link.object}`];
}
