import type { Agents } from '../ports/agents.ts';
import type { Seen, SessionWatch } from '../ports/session-watch.ts';
import { standingOf } from '../types/agent.ts';
import { ClearanceError } from '../types/errors.ts';
import type { Presented } from '../types/presented.ts';
import { agentsOf, type Credentials, type Principal } from '../types/principal.ts';
import { repeatedly } from '../types/repeatedly.ts';
import { revocableSince, tokenKeys } from '../types/revocation.ts';
import type { DocumentVersion, SessionEvent } from '../types/session.ts';
import { authenticate } from './authenticate.ts';
import type { ReadPath } from './retrieve.ts';
import { revalidated } from './revalidate.ts';
import { rememberedIn } from './session.ts';

/** Between two looks at the store, each one statement for all streams, and one for the agents of each tenant. */
const LOOK_EVERY_MS = 400;
/** What is silent for long is cut off on the way. */
const BEAT_EVERY_MS = 15_000;
/**
 * After a change sessions are asked about at once, and once more when every request has ended that may have been given its
 * verdicts before the change, and what it released been remembered after that.
 */
const AGAIN_AFTER_MS = 25_000;
/** Sessions that the engine is asked about at a time, of all streams of this copy. */
const AT_ONCE = 4;
const MAX_STREAMS = 1_000;
const MAX_STREAMS_OF_PRINCIPAL = 10;

/** Where events go. `end` may come at any time; what comes after it is dropped. */
export type Sink = { send(event: SessionEvent): void; beat(): void; end(): void };

export type SessionStreams = {
  /** Rejects as any request does; what it returns closes the stream, without a word. */
  open(presented: Presented | undefined, sessionId: string, sink: Sink): Promise<() => void>;
  count(): number;
  /** Ends all, without a word: whoever listens connects again. */
  close(): Promise<void>;
};

type Stream = {
  readonly principal: Principal;
  readonly sessionId: string;
  readonly keys: readonly Uint8Array[];
  readonly since: Date | undefined;
  readonly expiresAt: number;
  readonly sink: Sink;
  readonly told: Set<string>;
  confirmed: boolean;
  /** The newest version of the tenant that was seen, and the one that the session was last asked about at. */
  seen: number | undefined;
  asked: number | undefined;
  /** When it is to be asked about again. */
  againAt: number | undefined;
  beatAt: number;
};

type Path = Pick<
  ReadPath,
  'identity' | 'engine' | 'relationships' | 'guarded' | 'shortCuts' | 'rules' | 'sessions'
>;

/** Tells sessions unasked what has to be dropped, whatever copy of the service has made the change. */
export function openSessionStreams(
  path: Path,
  { watch, agents }: { readonly watch: SessionWatch; readonly agents: Pick<Agents, 'find'> },
  onError: (error: unknown) => void,
): SessionStreams {
  const streams = new Set<Stream>();
  let asking: Promise<void> | undefined;

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
      seen = await watch.look(all.map((stream) => ({ ...stream, tenant: stream.principal.tenant })));
      suspended = await withoutStanding(agents, all);
    } catch (error) {
      for (const stream of all) doubt(stream);
      throw error;
    }
    const now = Date.now();
    for (const [at, stream] of all.entries()) {
      if (seen.revoked.has(at)) end(stream, 'revoked');
      else if (now >= stream.expiresAt) end(stream, 'expired');
      else if (seen.over.has(at)) end(stream, 'session_over');
      else if (suspended.has(stream)) end(stream, 'agent_not_allowed');
      else note(stream, seen.versions.get(stream.principal.tenant) ?? 0, now);
    }
    asking ??= askAll().finally(() => {
      asking = undefined;
    });
  }

  function note(stream: Stream, version: number, now: number): void {
    if (stream.seen !== undefined && stream.seen !== version) stream.againAt = now + AGAIN_AFTER_MS;
    stream.seen = version;
    if (stream.againAt !== undefined && now >= stream.againAt) {
      stream.againAt = undefined;
      stream.asked = undefined;
    }
    if (now < stream.beatAt) return;
    stream.beatAt = now + BEAT_EVERY_MS;
    stream.sink.beat();
  }

  /** Asks about sessions whose tenant has changed, a few at a time; a look at the store never waits for that. */
  async function askAll(): Promise<void> {
    const waiting = [...streams].filter(({ seen, asked, confirmed }) => seen !== asked || !confirmed);
    const worker = async () => {
      for (let stream = waiting.pop(); stream !== undefined; stream = waiting.pop()) {
        if (streams.has(stream)) await ask(stream);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  }

  async function ask(stream: Stream): Promise<void> {
    const { seen, principal, sessionId } = stream;
    try {
      const { drop, outdated } = await revalidated(path, principal, sessionId);
      stream.asked = seen;
      tell(stream, 'drop', drop);
      tell(stream, 'outdated', outdated);
      if (!stream.confirmed) stream.sink.send({ event: 'confirmed' });
      stream.confirmed = true;
    } catch (error) {
      // The next look says that it has ended.
      if (error instanceof ClearanceError && error.code === 'not_found') return;
      doubt(stream);
      onError(error);
    }
  }

  function tell(stream: Stream, event: 'drop' | 'outdated', documents: readonly DocumentVersion[]): void {
    const news = documents.filter((each) => !stream.told.has(keyOf(event, each)));
    for (const each of news) stream.told.add(keyOf(event, each));
    if (news.length > 0) stream.sink.send({ event, documents: news });
  }

  function doubt(stream: Stream): void {
    stream.asked = undefined;
    if (stream.confirmed) stream.sink.send({ event: 'undetermined' });
    stream.confirmed = false;
  }

  const loop = repeatedly(LOOK_EVERY_MS, look, onError);

  return {
    async open(presented, sessionId, sink) {
      const credentials = await authenticate(path.identity, presented, 'retrieve');
      const { principal } = credentials;
      const { expiresAt } = await rememberedIn(path.sessions, principal, sessionId);
      requireRoom(streams, principal);
      const stream = streamOf(credentials, sessionId, expiresAt, sink);
      streams.add(stream);
      return () => end(stream);
    },
    count: () => streams.size,
    async close() {
      await loop.stop();
      for (const stream of streams) end(stream);
      await asking;
    },
  };
}

function streamOf(credentials: Credentials, sessionId: string, sessionEnd: Date, sink: Sink): Stream {
  return {
    principal: credentials.principal,
    sessionId,
    keys: tokenKeys(credentials),
    since: revocableSince(credentials),
    expiresAt: Math.min(credentials.expiresAt.getTime(), sessionEnd.getTime()),
    sink,
    told: new Set(),
    confirmed: false,
    seen: undefined,
    asked: undefined,
    againAt: undefined,
    beatAt: Date.now() + BEAT_EVERY_MS,
  };
}

function requireRoom(streams: ReadonlySet<Stream>, principal: Principal): void {
  if (streams.size >= MAX_STREAMS) {
    throw new ClearanceError('overloaded', 'The service has as many streams open as it takes. Try again.');
  }
  const name = nameOf(principal);
  const own = [...streams].filter((stream) => nameOf(stream.principal) === name);
  if (own.length >= MAX_STREAMS_OF_PRINCIPAL) {
    throw new ClearanceError(
      'rate_limited',
      `You have ${MAX_STREAMS_OF_PRINCIPAL} streams open, which is as many as one may. Close one first.`,
    );
  }
}

const nameOf = (principal: Principal) => JSON.stringify(Object.entries(principal).toSorted());
const keyOf = (event: string, { document_id, version }: DocumentVersion) =>
  `${event} ${version} ${document_id}`;

/** Streams of an agent that is no longer in good standing. */
async function withoutStanding(
  agents: Pick<Agents, 'find'>,
  streams: readonly Stream[],
): Promise<ReadonlySet<Stream>> {
  const found = new Set<Stream>();
  for (const [tenant, of] of Map.groupBy(streams, ({ principal }) => principal.tenant)) {
    const ids = [...new Set(of.flatMap(({ principal }) => agentsOf(principal)))];
    if (ids.length === 0) continue;
    const known = new Map((await agents.find(tenant, ids)).map((agent) => [agent.id, agent]));
    const now = new Date();
    for (const stream of of) {
      const good = agentsOf(stream.principal).every((id) => standingOf(known.get(id), now) === 'active');
      if (!good) found.add(stream);
    }
  }
  return found;
}
