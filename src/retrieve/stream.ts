import type { Credentials, Principal } from '../types/principal.ts';
import { revocableSince, tokenKeys } from '../types/revocation.ts';
import type { DocumentVersion, SessionEvent } from '../types/session.ts';
import type { Revalidation } from './revalidate.ts';

/** What is silent for long is cut off on the way. */
const BEAT_EVERY_MS = 15_000;
/**
 * After a change sessions are asked about at once, and once more when every request has ended that may have been given its
 * verdicts before the change, and what it released been remembered after that.
 */
const AGAIN_AFTER_MS = 25_000;
/** A session that has to wait so long to be asked about is in doubt. */
const OVERDUE_MS = 5_000;
/** Until a session is asked about again after a failure; twice as long after each further one, up to the longest. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** Where events go. `end` may come at any time; what comes after it is dropped. */
export type Sink = { send(event: SessionEvent): void; beat(): void; end(): void };

/** One that listens to a session, and what it knows. */
export type Stream = {
  readonly credentials: Credentials;
  readonly sessionId: string;
  /** The same for all that one question answers. */
  readonly about: string;
  readonly keys: readonly Uint8Array[];
  readonly since: Date | undefined;
  readonly expiresAt: number;
  readonly sink: Sink;
  /** What was told to be outdated, and still is. */
  outdated: ReadonlySet<string>;
  confirmed: boolean;
  /** The newest version of the tenant that was seen. */
  seen: number | undefined;
  /** Since when the session is to be asked about. */
  waitingSince: number | undefined;
  /** When it is to be asked about again. */
  againAt: number | undefined;
  /** In a row, and until when they put the next question off. */
  failures: number;
  pausedUntil: number;
  beatAt: number;
};

export function streamOf(credentials: Credentials, sessionId: string, sessionEnd: Date, sink: Sink): Stream {
  return {
    credentials,
    sessionId,
    about: JSON.stringify([nameOf(credentials.principal), sessionId, credentials.exchanged === true]),
    keys: tokenKeys(credentials),
    since: revocableSince(credentials),
    expiresAt: Math.min(credentials.expiresAt.getTime(), sessionEnd.getTime()),
    sink,
    outdated: new Set(),
    confirmed: false,
    seen: undefined,
    waitingSince: undefined,
    againAt: undefined,
    failures: 0,
    pausedUntil: 0,
    beatAt: Date.now() + BEAT_EVERY_MS,
  };
}

export const nameOf = (principal: Principal) => JSON.stringify(Object.entries(principal).toSorted());

/** After a look at the store. What is seen first may have changed just before, so it is asked about again like any change. */
export function note(stream: Stream, version: number, now: number): void {
  if (stream.seen !== version) {
    stream.seen = version;
    stream.waitingSince ??= now;
    stream.againAt = now + AGAIN_AFTER_MS;
  }
  if (stream.againAt !== undefined && now >= stream.againAt) {
    stream.againAt = undefined;
    stream.waitingSince ??= now;
  }
  if (stream.waitingSince !== undefined && now - stream.waitingSince >= OVERDUE_MS) doubt(stream, now);
  if (now < stream.beatAt) return;
  stream.beatAt = now + BEAT_EVERY_MS;
  stream.sink.beat();
}

export function isDue({ waitingSince, pausedUntil }: Stream, now: number): boolean {
  return waitingSince !== undefined && now >= pausedUntil;
}

/** All of `drop`, whatever was told before: what it names may have been given anew since. */
export function tell(stream: Stream, { drop, outdated }: Pick<Revalidation, 'drop' | 'outdated'>): void {
  const { sink } = stream;
  stream.failures = 0;
  if (drop.length > 0) sink.send({ event: 'drop', documents: drop });
  const news = outdated.filter((each) => !stream.outdated.has(keyOf(each)));
  if (news.length > 0) sink.send({ event: 'outdated', documents: news });
  stream.outdated = new Set(outdated.map(keyOf));
  if (!stream.confirmed) sink.send({ event: 'confirmed' });
  stream.confirmed = true;
}

/** It can't be told what may be used, until the session has been asked about again. */
export function doubt(stream: Stream, now: number): void {
  stream.waitingSince ??= now;
  if (stream.confirmed) stream.sink.send({ event: 'undetermined' });
  stream.confirmed = false;
}

/** An engine that does not answer is asked less and less. */
export function fail(stream: Stream, now: number): void {
  stream.pausedUntil = now + Math.min(LONGEST_PAUSE_MS, PAUSE_MS * 2 ** stream.failures);
  stream.failures += 1;
  doubt(stream, now);
}

const keyOf = ({ document_id, version }: DocumentVersion) => `${version} ${document_id}`;
