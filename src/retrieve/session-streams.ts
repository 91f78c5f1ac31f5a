import type { Agents } from '../ports/agents.ts';
import type { Seen, SessionWatch } from '../ports/session-watch.ts';
import { standingOf } from '../types/agent.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Presented } from '../types/presented.ts';
import { agentsOf, type Credentials, type Principal } from '../types/principal.ts';
import { repeatedly } from '../types/repeatedly.ts';
import type { SessionEvent } from '../types/session.ts';
import { authenticate } from './authenticate.ts';
import type { ReadPath } from './retrieve.ts';
import { revalidated } from './revalidate.ts';
import { rememberedIn } from './session.ts';
import { doubt, fail, isDue, nameOf, note, type Sink, type Stream, streamOf, tell } from './stream.ts';

/** Between two looks at the store, each one statement for all streams, and one for the agents of each tenant. */
const LOOK_EVERY_MS = 400;
/** Sessions that the engine is asked about at a time, of all streams of this copy. */
const AT_ONCE = 4;
const MAX_STREAMS = 1_000;
const MAX_STREAMS_OF_PRINCIPAL = 10;

export type SessionStreams = {
  /** Rejects as any request does; what it returns closes the stream, without a word. */
  open(presented: Presented | undefined, sessionId: string, sink: Sink): Promise<() => void>;
  count(): number;
  /** Ends all, without a word: whoever listens connects again. */
  close(): Promise<void>;
};

type Path = Pick<
  ReadPath,
  'identity' | 'engine' | 'relationships' | 'guarded' | 'shortCuts' | 'rules' | 'sessions'
>;

type Watching = {
  readonly watch: SessionWatch;
  readonly agents: Pick<Agents, 'find'>;
  /** Throws `delegation_not_allowed` where the agents of a token act by delegation, and may not now. */
  readonly requireDelegated: (credentials: Credentials) => Promise<void>;
};

/** Tells sessions unasked what has to be dropped, whatever copy of the service has made the change. */
export function openSessionStreams(
  path: Path,
  { watch, agents, requireDelegated }: Watching,
  onError: (error: unknown) => void,
): SessionStreams {
  const streams = new Set<Stream>();
  /** Sessions that the engine is being asked about. */
  const asking = new Map<string, { readonly tenant: string; readonly done: Promise<void> }>();

  function end(stream: Stream, reason?: Extract<SessionEvent, { event: 'ended' }>['reason']): void {
    if (!streams.delete(stream)) return;
    if (reason !== undefined) stream.sink.send({ event: 'ended', reason });
    stream.sink.end();
  }

  async function look(): Promise<void> {
    const all = [...streams];
    if (all.length === 0) return;
    let seen: Seen;
    let suspended: ReadonlySet<Stream>;
    try {
      seen = await watch.look(all.map((stream) => ({ ...stream, tenant: tenantOf(stream) })));
      suspended = await withoutStanding(agents, all);
    } catch (error) {
      for (const stream of all) doubt(stream, Date.now());
      throw error;
    }
    const now = Date.now();
    for (const [at, stream] of all.entries()) {
      if (seen.revoked.has(at)) end(stream, 'revoked');
      else if (now >= stream.expiresAt) end(stream, 'expired');
      else if (seen.over.has(at)) end(stream, 'session_over');
      else if (suspended.has(stream)) end(stream, 'agent_not_allowed');
      else note(stream, seen.versions.get(tenantOf(stream)) ?? 0, now);
    }
    askNext();
  }

  /** A few sessions at a time; a look at the store never waits for that. */
  function askNext(): void {
    while (asking.size < AT_ONCE) {
      const next = nextDue(Date.now());
      if (next === undefined) return;
      const together = [...streams].filter(({ about }) => about === next.about);
      const done = ask(next, together).finally(() => {
        asking.delete(next.about);
        askNext();
      });
      asking.set(next.about, { tenant: tenantOf(next), done });
    }
  }

  /** Of the tenant with the fewest sessions that are being asked about, the stream that has waited longest. */
  function nextDue(now: number): Stream | undefined {
    const atWork = Map.groupBy(asking.values(), ({ tenant }) => tenant);
    const before = (a: Stream, b: Stream) => {
      const more = (atWork.get(tenantOf(a))?.length ?? 0) - (atWork.get(tenantOf(b))?.length ?? 0);
      return more < 0 || (more === 0 && (a.waitingSince ?? 0) < (b.waitingSince ?? 0));
    };
    let next: Stream | undefined;
    for (const stream of streams) {
      if (!isDue(stream, now) || asking.has(stream.about)) continue;
      if (next === undefined || before(stream, next)) next = stream;
    }
    return next;
  }

  async function ask({ credentials, sessionId }: Stream, together: readonly Stream[]): Promise<void> {
    // Before the question: a change that comes during it has to be asked about again.
    for (const stream of together) stream.waitingSince = undefined;
    try {
      await requireDelegated(credentials);
      const revalidation = await revalidated(path, credentials.principal, sessionId);
      for (const stream of together) tell(stream, revalidation);
    } catch (error) {
      const code = error instanceof ClearanceError ? error.code : undefined;
      // The next look says that it has ended.
      if (code === 'not_found') return;
      if (code === 'delegation_not_allowed') {
        for (const stream of together) end(stream, 'agent_not_allowed');
        return;
      }
      for (const stream of together) fail(stream, Date.now());
      onError(error);
    }
  }

  const loop = repeatedly(LOOK_EVERY_MS, look, onError);

  return {
    async open(presented, sessionId, sink) {
      const credentials = await authenticate(path.identity, presented, 'retrieve');
      const { expiresAt } = await rememberedIn(path.sessions, credentials.principal, sessionId);
      requireRoom(streams, credentials.principal);
      const stream = streamOf(credentials, sessionId, expiresAt, sink);
      streams.add(stream);
      return () => end(stream);
    },
    count: () => streams.size,
    async close() {
      await loop.stop();
      for (const stream of streams) end(stream);
      await Promise.all([...asking.values()].map(({ done }) => done));
    },
  };
}

const principalOf = ({ credentials }: Stream) => credentials.principal;
const tenantOf = (stream: Stream) => principalOf(stream).tenant;

function requireRoom(streams: ReadonlySet<Stream>, principal: Principal): void {
  if (streams.size >= MAX_STREAMS) {
    throw new ClearanceError('overloaded', 'The service has as many streams open as it takes. Try again.');
  }
  const name = nameOf(principal);
  const own = [...streams].filter((stream) => nameOf(principalOf(stream)) === name);
  if (own.length >= MAX_STREAMS_OF_PRINCIPAL) {
    throw new ClearanceError(
      'rate_limited',
      `You have ${MAX_STREAMS_OF_PRINCIPAL} streams open, which is as many as one may. Close one first.`,
    );
  }
}

/** Streams of an agent that is no longer in good standing. */
async function withoutStanding(
  agents: Pick<Agents, 'find'>,
  streams: readonly Stream[],
): Promise<ReadonlySet<Stream>> {
  const found = new Set<Stream>();
  for (const [tenant, of] of Map.groupBy(streams, tenantOf)) {
    const ids = [...new Set(of.flatMap((stream) => agentsOf(principalOf(stream))))];
    if (ids.length === 0) continue;
    const known = new Map((await agents.find(tenant, ids)).map((agent) => [agent.id, agent]));
    const now = new Date();
    for (const stream of of) {
      const good = agentsOf(principalOf(stream)).every((id) => standingOf(known.get(id), now) === 'active');
      if (!good) found.add(stream);
    }
  }
  return found;
}
