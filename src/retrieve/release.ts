import { createHash } from 'node:crypto';
import type { AuditLog, AuditRecord } from '../ports/audit.ts';
import type { HandOver, HandOvers } from '../ports/hand-overs.ts';
import type { Passages, PassageText } from '../ports/passages.ts';
import type { Candidate } from '../ports/search.ts';
import type { Credentials } from '../types/principal.ts';
import type { Shortfall } from '../types/retrieval.ts';
import { revocableSince, tokenKeys } from '../types/revocation.ts';
import type { TupleKey } from '../types/tuple.ts';
import { type Clearance, isClearance } from './enforce.ts';
import { requireHandOver } from './hand-over.ts';

export type Release = {
  readonly audit: AuditLog;
  readonly passages: Passages;
  readonly handOvers: HandOvers;
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
 * Writes the audit record, then reads text: exactly the chunks cleared, and none whose version is no longer published. The
 * last step asks whether the token and the session still count: its caller hands over what it gets, with no wait in between.
 */
export async function release(
  { audit, passages, handOvers }: Release,
  clearance: Clearance,
  occasion: Occasion,
): Promise<Released> {
  if (!isClearance(clearance)) throw new TypeError('Only what enforce has cleared can be released.');
  const { principal, candidates } = clearance;
  if (occasion.credentials.principal !== principal)
    throw new TypeError('A clearance is released to the principal that it was given to.');
  const record = {
    tenant: principal.tenant,
    decisionId: clearance.decisionId,
    issuer: principal.issuer,
    subject: principal.subject,
    ...(principal.actor === undefined ? {} : { actor: principal.actor }),
  };
  await audit.append({
    ...record,
    event: occasion.event,
    details: {
      ...occasion.details,
      released: candidates.map(({ documentId, chunkId, version }) => ({ documentId, chunkId, version })),
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
  try {
    await requireHandOver(handOvers, handOverOf(occasion, released));
  } catch (error) {
    // It was put down as released, and is not.
    await audit.append({ ...record, event: 'withhold', details: {} });
    throw error;
  }
  const whole = released.length === candidates.length;
  return {
    passages: released,
    shortfall: clearance.shortfall ?? (whole ? undefined : 'document_changed'),
    certified: clearance.certified && whole,
  };
}

function handOverOf({ credentials, session }: Occasion, released: readonly Passage[]): HandOver {
  const documents = released.map(({ content }) => content);
  return {
    tenant: credentials.principal.tenant,
    keys: tokenKeys(credentials),
    since: revocableSince(credentials),
    ...(session && {
      session: {
        ...session,
        documents: [
          ...new Map(documents.map((each) => [`${each.version} ${each.documentId}`, each])).values(),
        ],
      },
    }),
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
