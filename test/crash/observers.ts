import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { DocumentHistory } from './history.ts';
import { textProblem, wordsIn } from './text.ts';
import { chance, count, documentOf, EVERYONE, OUTSIDER, randomCopy, randomOf, type World } from './world.ts';

const TIMEOUT_MS = 30_000;
/** Documents whose words one question names. */
const ASKED_ABOUT = 8;
/** Milliseconds between two questions of one observer: most of two cores is for what is observed. */
const PAUSE_MS = 20;

const decided = z.object({ decision_id: z.string() });
const found = z.object({ results: z.array(z.object({ document_id: z.string(), text: z.string() })) });
const whole = z.object({ passages: z.array(z.object({ text: z.string() })) });

/** People who keep asking for what is being written, and put down what they should not have been shown. */
export function startObservers(world: World, observers: number): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const running = Array.from({ length: observers }, async () => {
    while (!stopped.signal.aborted) {
      const person = chance(0.3) ? OUTSIDER : (randomOf(EVERYONE) ?? OUTSIDER);
      await (chance(0.5) ? readOne(world, person) : search(world, person));
      await sleep(PAUSE_MS);
    }
  });
  return {
    async stop() {
      stopped.abort();
      await Promise.all(running);
    },
  };
}

/** One whose change is under way, rather than one that nobody is at. */
function interesting({ writing, documents }: World): DocumentHistory | undefined {
  return (chance(0.6) ? randomOf([...writing])?.document : undefined) ?? randomOf(documents);
}

async function readOne(world: World, person: string): Promise<void> {
  const document = interesting(world);
  if (document === undefined) return;
  const { settled, changes } = document;
  const from = Date.now();
  const answer = await ask(world, person, `/v1/documents/${document.id}`);
  if (answer?.status !== 200 && answer?.status !== 404) return;
  const texts = answer.status === 404 ? [] : whole.parse(answer.body).passages.map(({ text }) => text);
  countAnswer(world, person);
  judge(world, person, document.id, texts, from);

  const [word] = wordsIn(texts.join(' '));
  if (word !== undefined) {
    const problem = textProblem(word, texts);
    if (problem !== undefined) world.faults.push(`${document.id} was half there: ${problem}`);
  }
  if (settled === undefined || document.changes !== changes) return;
  count(world, 'answers about a document that nobody changed');
  const expected = settled.state?.readers.includes(person) === true ? settled.state.word : undefined;
  if (word !== expected)
    world.faults.push(`${document.id} was settled as ${expected}, and ${person} saw ${word}`);
}

async function search(world: World, person: string): Promise<void> {
  const about = Array.from({ length: ASKED_ABOUT }, () => interesting(world)).flatMap((document) => {
    const next = document?.changing?.kind === 'put' ? [document.changing.word] : [];
    return [...next, ...(document?.possible.flatMap((state) => (state ? [state.word] : [])) ?? [])];
  });
  if (about.length === 0) return;
  const from = Date.now();
  const answer = await ask(world, person, '/v1/retrieve', { query: about.join(' '), k: 50 });
  if (answer?.status !== 200) return;
  countAnswer(world, person);
  for (const { document_id, text } of found.parse(answer.body).results)
    judge(world, person, document_id, [text], from);
}

/** `from`: when the question was put. */
function judge(world: World, person: string, id: string, texts: readonly string[], from: number): void {
  const until = Date.now();
  for (const word of wordsIn(texts.join(' '))) {
    count(world, 'passages seen');
    const document = documentOf(world, word);
    if (document?.id !== id || !document.allows(word, person, from, until))
      world.faults.push(`${person} was shown ${word} of ${id}`);
  }
}

function countAnswer(world: World, person: string): void {
  count(world, `answers to ${person === OUTSIDER ? 'the outsider' : 'people with some rights'}`);
}

async function ask(
  world: World,
  person: string,
  path: string,
  json?: unknown,
): Promise<{ readonly status: number; readonly body: unknown } | undefined> {
  const copy = randomCopy(world);
  if (copy === undefined) return undefined;
  try {
    const response = await fetch(copy.url + path, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      headers: {
        authorization: `Bearer ${world.tokens.of.get(person)}`,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }),
    });
    const body: unknown = await response.json();
    const { data } = decided.safeParse(body);
    if (data !== undefined) world.decisions.add(data.decision_id);
    if (response.status >= 500) count(world, `observers answered ${response.status}`);
    return { status: response.status, body };
  } catch {
    // Killed while it answered.
    count(world, 'observations cut short');
    return undefined;
  }
}
