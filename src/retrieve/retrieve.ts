import type { Decisions } from '../ports/audit.ts';
import type { Identity } from '../ports/identity.ts';
import type { Members } from '../ports/members.ts';
import type { CandidateIndex, Route } from '../ports/search.ts';
import type { Sessions } from '../ports/sessions.ts';
import { ClearanceError } from '../types/errors.ts';
import { parseFilter } from '../types/filter.ts';
import type { Presented } from '../types/presented.ts';
import { parseRetrieveRequest, type RetrieveRequest, type RetrieveResponse } from '../types/retrieval.ts';
import { audienceOf, readersFor } from './audience.ts';
import { authenticate } from './authenticate.ts';
import type { Costs } from './costs.ts';
import { type Clearance, type Enforcement, enforce } from './enforce.ts';
import { inTime } from './in-time.ts';
import { type Occasion, type Release, release } from './release.ts';
import { openSession } from './session.ts';
import { stopwatch } from './stopwatch.ts';
import type { ProofWatch } from './watch-proofs.ts';

export type ReadPath = Enforcement &
  Release & {
    readonly identity: Identity;
    readonly sessions: Sessions;
    readonly index: CandidateIndex;
    readonly decisions: Decisions;
    readonly members: Members;
    /** Told of what was released, once it was. */
    readonly watch?: ProofWatch;
  };

/** Of its checks and the query's embedding. */
const DEADLINE_MS = 20_000;

/** The read path: every door's retrieval is this function. */
export function retrieve(
  path: ReadPath,
  presented: Presented | undefined,
  input: RetrieveRequest,
): Promise<RetrieveResponse> {
  return inTime((late) => inOrder(path, presented, input, late));
}

async function inOrder(
  path: ReadPath,
  presented: Presented | undefined,
  input: RetrieveRequest,
  late: AbortSignal,
): Promise<RetrieveResponse> {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  const { lap, durations } = stopwatch();
  const credentials = await authenticate(path.identity, presented, 'retrieve');
  const { principal, scopes } = credentials;
  lap('authenticate');
  const { query, k, session_id, filter, exactness, debug, audience: entries } = parseRetrieveRequest(input);
  if (debug && !scopes.has('admin')) {
    throw new ClearanceError('forbidden', '"debug" needs a token with the scope "admin".');
  }
  const conditions = filter === undefined ? {} : { filter: parseFilter(filter) };
  const search = async () => {
    const audience = entries === undefined ? [] : await audienceOf(path, principal.tenant, entries, signal);
    const readers = readersFor(principal, audience);
    const question = { tenant: principal.tenant, readers, query, exactness, ...conditions };
    return { audience, candidates: await path.index.open(question, signal) };
  };
  const [sessionId, { audience, candidates }] = await Promise.all([
    openSession(path.sessions, credentials, session_id),
    search(),
  ]);
  lap('search');
  const clearance = await enforce(path, principal, candidates, k, signal, audience);
  lap('enforce');
  const occasion: Occasion = {
    event: 'retrieve',
    credentials,
    session: { id: sessionId, audience: typeof audience === 'string' ? [] : audience },
    details: {
      session: sessionId,
      query: path.evidence.queryHash(principal.tenant, query),
      k,
      route: candidates.route().name,
      milliseconds: durations,
      ...(entries === undefined ? {} : { audience: entries }),
    },
  };
  const released = await release(path, clearance, occasion, late);

  path.watch?.(clearance);

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
    complete: released.shortfall === undefined,
    ...(released.shortfall === undefined ? {} : { shortfall: released.shortfall }),
    certified: released.certified,
    watermark: clearance.watermark,
    session_id: sessionId,
    decision_id: clearance.decisionId,
    ...(debug
      ? { debug: debugView(candidates.route(), clearance, path.shortCuts?.(principal.tenant).costs) }
      : {}),
  };
}

function debugView(
  { name, ...rest }: Route,
  { checked, reasons }: Clearance,
  costs: Costs | undefined,
): RetrieveResponse['debug'] {
  const grounds = [...reasons.values()].flatMap((each) =>
    each.map(({ by }) => (typeof by === 'string' ? by : 'links')),
  );
  const count = (by: string) => grounds.filter((each) => each === by).length;
  return {
    route: name,
    ...rest,
    checked,
    allowed_by: { links: count('links'), check: count('check'), list: count('list') },
    ...(costs === undefined
      ? {}
      : {
          milliseconds: {
            ten_links: costs.of('links', 10),
            ten_checks: costs.of('checks', 10),
            ten_listed: costs.of('list', 10),
          },
        }),
  };
}
