import type { Identity } from '../ports/identity.ts';
import type { CandidateIndex } from '../ports/search.ts';
import type { Sessions } from '../ports/sessions.ts';
import { parseFilter } from '../types/filter.ts';
import { parseRetrieveRequest, type RetrieveRequest, type RetrieveResponse } from '../types/retrieval.ts';
import { authenticate } from './authenticate.ts';
import { type Enforcement, enforce } from './enforce.ts';
import { inTime } from './in-time.ts';
import { queryHash, type Release, release } from './release.ts';
import { openSession } from './session.ts';

export type ReadPath = Enforcement &
  Release & {
    readonly identity: Identity;
    readonly sessions: Sessions;
    readonly index: CandidateIndex;
  };

/** Of its checks and the query's embedding. */
const DEADLINE_MS = 20_000;

/** The read path: every door's retrieval is this function. */
export function retrieve(
  path: ReadPath,
  token: string | undefined,
  input: RetrieveRequest,
): Promise<RetrieveResponse> {
  return inTime(inOrder(path, token, input));
}

async function inOrder(
  path: ReadPath,
  token: string | undefined,
  input: RetrieveRequest,
): Promise<RetrieveResponse> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const { principal } = await authenticate(path.identity, token, 'retrieve');
  const { query, k, session_id, filter } = parseRetrieveRequest(input);
  const conditions = filter === undefined ? {} : { filter: parseFilter(filter) };
  const sessionId = await openSession(path.sessions, principal, session_id);
  const candidates = await path.index.open({ tenant: principal.tenant, query, ...conditions }, signal);
  const clearance = await enforce(path, principal, candidates, k, signal);
  const released = await release(path, clearance, {
    event: 'retrieve',
    details: { session: sessionId, query: queryHash(query), k },
  });

  return {
    results: released.passages.map(({ content, score }) => ({
      document_id: content.documentId,
      chunk_id: content.chunkId,
      title: content.title,
      text: content.text,
      score,
      metadata: content.metadata,
      ...(content.sourceUrl === undefined ? {} : { source_url: content.sourceUrl }),
      version: content.version,
    })),
    complete: released.complete,
    certified: released.certified,
    watermark: clearance.watermark,
    session_id: sessionId,
    decision_id: clearance.decisionId,
  };
}
