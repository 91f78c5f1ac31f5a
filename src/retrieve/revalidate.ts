import { randomUUID } from 'node:crypto';
import { type AuditRecord, whoOf } from '../ports/audit.ts';
import type { CandidateSearch, RankedDocument } from '../ports/search.ts';
import type { RememberedDocument } from '../ports/sessions.ts';
import { batches } from '../types/batches.ts';
import type { Presented } from '../types/presented.ts';
import type { Principal } from '../types/principal.ts';
import type { DocumentVersion, RevalidateResponse } from '../types/session.ts';
import { authenticate } from './authenticate.ts';
import { enforce, MAX_CHECKED_DOCUMENTS } from './enforce.ts';
import { handOverOf, handOverRecorded } from './hand-over.ts';
import { inTime } from './in-time.ts';
import type { ReadPath } from './retrieve.ts';
import { rememberedIn } from './session.ts';

const DEADLINE_MS = 20_000;

export type Revalidation = Pick<RevalidateResponse, 'drop' | 'outdated' | 'keep' | 'watermark'>;

/** Asks the engine again about everything that was released in a session, for everyone that it was released for. */
export function revalidate(
  path: ReadPath,
  presented: Presented | undefined,
  id: string,
): Promise<RevalidateResponse> {
  return inTime((late) => inOrder(path, presented, id, late));
}

async function inOrder(
  path: ReadPath,
  presented: Presented | undefined,
  id: string,
  late: AbortSignal,
): Promise<RevalidateResponse> {
  const credentials = await authenticate(path.identity, presented, 'retrieve');
  const { principal } = credentials;
  const { drop, outdated, keep, watermark } = await revalidated(path, principal, id);
  const decisionId = randomUUID();
  const record: AuditRecord = {
    ...whoOf(principal),
    decisionId,
    event: 'revalidate',
    details: { session: id, drop, outdated, kept: keep.length, watermark },
  };
  const handOver = handOverOf(credentials, { id, audience: [], documents: [] });
  const answer = { session_id: id, drop, outdated, keep, watermark, decision_id: decisionId };
  return handOverRecorded(path, record, handOver, async () => answer, late);
}

/** Throws `engine_unavailable` where a verdict can't be had: then nothing that was given is known to be allowed. */
export async function revalidated(
  path: Pick<ReadPath, 'engine' | 'relationships' | 'guarded' | 'shortCuts' | 'rules' | 'sessions'>,
  principal: Principal,
  id: string,
): Promise<Revalidation> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const { documents } = await rememberedIn(path.sessions, principal, id);
  const allowed = new Set<string>();
  const watermark = await path.relationships.watermark(principal.tenant);
  for (const [of, group] of Map.groupBy(documents, ({ audience }) => JSON.stringify(audience.toSorted()))) {
    const newest = new Map<string, number>();
    for (const { documentId, version } of group)
      newest.set(documentId, Math.max(version, newest.get(documentId) ?? 0));
    const audience = group[0]?.audience ?? [];
    const all = [...newest].map(([documentId, version]) => ({ documentId, version, score: 0 }));
    // What enforcement has no budget left for would else pass for forbidden.
    for (const asked of batches(all, MAX_CHECKED_DOCUMENTS)) {
      const search = rankedAsTheyAre(asked);
      const clearance = await enforce(path, principal, search, asked.length, signal, audience);
      for (const { documentId } of clearance.candidates) allowed.add(`${of} ${documentId}`);
    }
  }
  // Read again: what is still published now was readable under the relationships that the verdicts saw.
  const now = await rememberedIn(path.sessions, principal, id);
  const current = new Set(now.documents.filter((each) => each.current).map(keyOf));
  const outcome = Map.groupBy(documents, (each) => {
    if (!allowed.has(`${JSON.stringify(each.audience.toSorted())} ${each.documentId}`)) return 'drop';
    return current.has(keyOf(each)) ? 'keep' : 'outdated';
  });
  const told = (which: 'drop' | 'keep' | 'outdated') => (outcome.get(which) ?? []).map(versionOf);
  return { drop: told('drop'), outdated: told('outdated'), keep: told('keep'), watermark };
}

const keyOf = ({ documentId, version }: RememberedDocument) => `${version} ${documentId}`;
const versionOf = ({ documentId, version }: RememberedDocument): DocumentVersion => ({
  document_id: documentId,
  version,
});

/** Documents that were found already, as enforcement takes them; of passages there is nothing to say. */
function rankedAsTheyAre(ranked: readonly RankedDocument[]): CandidateSearch {
  let given = 0;
  return {
    narrowed: true,
    async next(count) {
      const documents = ranked.slice(given, given + count);
      given += documents.length;
      return { documents, exhausted: given >= ranked.length };
    },
    within: async (documents) => documents.map((each) => ({ ...each, chunkId: '' })),
    exact: () => true,
    route: () => ({ name: 'one document', why: 'Just what was released is asked about.' }),
  };
}
