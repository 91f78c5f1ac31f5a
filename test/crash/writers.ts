import { setTimeout as sleep } from 'node:timers/promises';
import { type Change, type DocumentHistory, type Outcome, type State, sameState } from './history.ts';
import type { ServiceCopy } from './service-copy.ts';
import { textOf } from './text.ts';
import { chance, count, freshWord, newDocument, PEOPLE, randomCopy, randomOf, type World } from './world.ts';

/** Milliseconds: longer than the lease that a killed copy leaves behind. */
const REST_MS = 32_000;
/** Longer than any request lasts: it may wait for two leases, and what goes on after its client has left is nobody's to judge. */
const TIMEOUT_MS = 180_000;

export type Load = {
  readonly writers: number;
  /** From how many documents on the writers change those that there are. */
  readonly documents: number;
};

/** Clients that write documents through all copies, one at a time for each document, until stopped. */
export function startWriters(world: World, { writers, documents }: Load): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const resting = new Map<DocumentHistory, number>();

  function pick(): DocumentHistory {
    const idle = world.documents.filter(
      (document) => document.changing === undefined && (resting.get(document) ?? 0) <= Date.now(),
    );
    const wanted = world.documents.length < documents && chance(0.3);
    return (wanted ? undefined : randomOf(idle)) ?? newDocument(world);
  }

  async function write(): Promise<void> {
    const document = pick();
    const change = nextChange(document);
    const outcome = await carryOut(world, document, change);
    // Else most writers would soon wait for the leases of the dead. Some do, as an impatient client would.
    if (outcome === 'unknown' && chance(0.8)) resting.set(document, Date.now() + REST_MS);
  }

  const running = Array.from({ length: writers }, async () => {
    while (!stopped.signal.aborted) {
      if (randomCopy(world) === undefined) await sleep(10);
      else await write();
    }
  });
  return {
    async stop() {
      stopped.abort();
      await Promise.all(running);
    },
  };
}

function nextChange(document: DocumentHistory): Change {
  const [state] = document.possible;
  if (document.possible.length === 1 && state !== undefined) {
    if (chance(0.15)) return { kind: 'delete' };
    if (chance(0.3)) return { kind: 'put', word: state.word, readers: otherReaders(state) };
    if (chance(0.2)) return { kind: 'put', word: freshWord(document) };
  }
  return { kind: 'put', word: freshWord(document), readers: otherReaders(state) };
}

/** Mostly some are taken away and some added: the two must not be in force with the wrong text. */
function otherReaders(state: State | undefined): readonly string[] {
  for (;;) {
    const readers = PEOPLE.filter(() => chance(0.5));
    if (state === undefined || !sameState(state, { ...state, readers })) return readers;
  }
}

/** Makes one change through a copy, or at the same moment through each, as a client that sends twice. */
export async function carryOut(world: World, document: DocumentHistory, change: Change): Promise<Outcome> {
  const up = world.copies.filter(({ url }) => url !== undefined);
  const one = randomOf(up);
  const to = chance(0.1) ? up : up.filter((copy) => copy === one);
  const since = Date.now();
  const writing = { document, change, to: to.map(({ name }) => name), since };
  const before = document.possible;
  document.begin(change, since);
  world.writing.add(writing);
  const answers = await Promise.all(to.map((copy) => send(world, copy, document, change)));
  const outcome = outcomeOf(world, document, before, answers);
  document.end(change, outcome, Date.now(), since);
  world.writing.delete(writing);
  count(world, `${change.kind}: ${outcome}`);
  return outcome;
}

/** The status, or undefined where the connection ended first. */
async function send(
  world: World,
  { url }: ServiceCopy,
  { id }: DocumentHistory,
  change: Change,
): Promise<number | undefined> {
  try {
    const response = await fetch(`${url}/v1/documents/${id}`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(change.kind === 'delete' ? { method: 'DELETE' } : { method: 'PUT', body: bodyOf(id, change) }),
      headers: {
        authorization: `Bearer ${world.tokens.writer}`,
        ...(change.kind === 'delete' ? {} : { 'content-type': 'application/json' }),
      },
    });
    const text = await response.text();
    if (response.status >= 500) count(world, `answered ${response.status} ${codeIn(text)}`);
    return response.status;
  } catch {
    return undefined;
  }
}

function bodyOf(id: string, { word, readers }: Extract<Change, { kind: 'put' }>): string {
  return JSON.stringify({
    title: `Report ${id}`,
    text: textOf(word),
    metadata: { word },
    ...(readers === undefined
      ? {}
      : { relationships: readers.map((person) => ({ user: `user:${person}`, relation: 'viewer' })) }),
  });
}

function outcomeOf(
  { faults }: World,
  { id }: DocumentHistory,
  before: readonly (State | undefined)[],
  answers: readonly (number | undefined)[],
): Outcome {
  const known = answers.filter((status) => status !== undefined && status < 500);
  // Of two that delete at once, one may find nothing.
  const mayBeGone = answers.length > 1 || before.includes(undefined);
  for (const status of known) {
    if (![200, 201, 202, 204].includes(status ?? 0) && !(status === 404 && mayBeGone))
      faults.push(`${id}: a writer was answered ${status}`);
  }
  if (known.some((status) => status !== 202)) return 'done';
  return known.length > 0 ? 'kept' : 'unknown';
}

function codeIn(problem: string): string {
  return /"code":"(\w+)"/.exec(problem)?.[1] ?? '';
}
