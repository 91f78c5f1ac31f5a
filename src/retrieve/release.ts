import { type AuditLog, type AuditRecord, whoOf, withheld } from '../ports/audit.ts';
import type { HandOvers } from '../ports/hand-overs.ts';
import type { Passages, PassageText } from '../ports/passages.ts';
import type { Reasons } from '../ports/proofs.ts';
import type { Candidate } from '../ports/search.ts';
import type { Link } from '../types/link.ts';
import type { Credentials } from '../types/principal.ts';
import type { Shortfall } from '../types/retrieval.ts';
import type { TupleKey } from '../types/tuple.ts';
import { type Clearance, isClearance } from './enforce.ts';
import { handOverOf, handOverRecorded, requireHandOver } from './hand-over.ts';
import type { Reason } from './judged.ts';

export type Release = {
  readonly audit: AuditLog;
  readonly passages: Passages;
  readonly evidence: Evidence;
  readonly handOvers: HandOvers;
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

export type Occasion = {
  readonly event: AuditRecord['event'];
  readonly details: Readonly<Record<string, unknown>>;
  readonly credentials: Credentials;
  /** In which it is remembered, and who will see it beside the principal. */
  readonly session?: { readonly id: string; readonly audience: readonly string[] };
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

/**
 * Writes the audit record, reads text (exactly the chunks cleared, and none whose version is no longer published) and asks
 * whether the token and the session still count, all at once: nothing is given before all three are done. Its caller hands
 * over what it gets, with no wait in between.
 */
export async function release(
  { audit, passages, evidence, handOvers }: Release,
  clearance: Clearance,
  occasion: Occasion,
  late: AbortSignal,
): Promise<Released> {
  if (!isClearance(clearance)) throw new TypeError('Only what enforce has cleared can be released.');
  const { principal, candidates, checked, asked } = clearance;
  if (occasion.credentials.principal !== principal)
    throw new TypeError('A clearance is released to the principal that it was given to.');
  const model = await evidence.modelId(principal.tenant);
  const record: AuditRecord = {
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
      model,
      complete: clearance.complete,
      watermark: clearance.watermark,
    },
  };
  const { credentials, session } = occasion;
  const read = await handOverRecorded(
    { audit, handOvers },
    record,
    handOverOf(credentials, session && { ...session, documents: documentsOf(candidates) }),
    async () => (candidates.length === 0 ? [] : passages.read(principal.tenant, candidates)),
    late,
  );
  const byChunk = new Map(read.map((text) => [text.chunkId, text]));
  const released = candidates.flatMap((candidate) => {
    const text = byChunk.get(candidate.chunkId);
    const same = text?.version === candidate.version && text.documentId === candidate.documentId;
    return same ? [new Passage(text, candidate)] : [];
  });
  const whole = released.length === candidates.length;
  // All of it was replaced or withdrawn meanwhile. To put that down takes its time, so the token is asked about once more.
  if (released.length === 0 && !whole)
    await requireHandOver(handOvers, handOverOf(credentials), audit.append(withheld(record)));
  return {
    passages: released,
    shortfall: clearance.shortfall ?? (whole ? undefined : 'document_changed'),
    certified: clearance.certified && whole,
  };
}

function documentsOf(candidates: readonly Candidate[]): readonly Candidate[] {
  return [...new Map(candidates.map((each) => [`${each.version} ${each.documentId}`, each])).values()];
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
