import { randomFrom, shuffled } from '../search/random.ts';
import type { Asked, Strategy } from './strategy.ts';
import { recallOf, type scoresOf } from './truth.ts';

export type Question = Asked & {
  readonly mayRead: ReadonlySet<string>;
  readonly scores: Awaited<ReturnType<typeof scoresOf>>;
};

export type Measured = {
  readonly asked: number;
  readonly recall: number;
  /** Passages given, and documents asked about: means. */
  readonly returned: number;
  readonly checks: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p95: number;
  readonly perSecond: number;
  readonly errors: number;
};

export type Cell = {
  readonly name: string;
  /** Of the collection, that those who ask may read: the mean. */
  readonly share: number;
  readonly k: number;
  readonly callers: number;
  readonly measured: ReadonlyMap<string, Measured>;
};

type Taken = {
  times: number[];
  recall: number;
  returned: number;
  checks: number;
  errors: number;
  seconds: number;
};

/** Turns that each strategy has where there are many callers. */
const TURNS = 2;

/**
 * By turns, in an order drawn anew each time, so that noise hits all alike: one caller's questions one by one, each to all strategies;
 * of many callers each asks again as soon as it has its answer, for the whole turn. No strategy begins a question after `seconds` in
 * all. What one leaves the engine to do is done before the next begins.
 */
export async function measureCell(
  strategies: readonly Strategy[],
  questions: readonly Question[],
  callers: number,
  seconds: number,
  settled: () => Promise<void>,
): Promise<Map<string, Measured>> {
  const [first] = questions;
  if (first === undefined) throw new Error('no questions');
  const taken = new Map<Strategy, Taken>();
  for (const strategy of strategies) {
    await settled();
    await strategy.ask(first).catch(() => {});
    taken.set(strategy, { times: [], recall: 0, returned: 0, checks: 0, errors: 0, seconds: 0 });
  }
  const random = randomFrom(23);
  for (let turn = 0; turn < (callers === 1 ? questions.length : TURNS); turn += 1) {
    for (const i of shuffled(strategies.length, random)) {
      const strategy = strategies[i];
      const sums = strategy && taken.get(strategy);
      if (strategy === undefined || sums === undefined || sums.seconds > seconds) continue;
      await settled();
      const begin = performance.now();
      const until = callers === 1 ? begin : begin + (seconds * 1_000) / TURNS;
      let next = turn;
      const caller = async () => {
        do {
          const question = questions[next % questions.length] ?? first;
          next += 1;
          await ask(strategy, question, sums);
        } while (performance.now() < until);
      };
      await Promise.all(Array.from({ length: callers }, caller));
      sums.seconds += (performance.now() - begin) / 1_000;
    }
  }
  return new Map([...taken].map(([{ name }, sums]) => [name, measuredOf(sums)]));
}

async function ask(strategy: Strategy, question: Question, sums: Taken): Promise<void> {
  const { scores, mayRead, ...asked } = question;
  const begin = performance.now();
  try {
    const { found, checks } = await strategy.ask(asked);
    sums.times.push(performance.now() - begin);
    sums.returned += found.length;
    sums.checks += checks;
    if (!UNJUDGED.has(strategy.name)) sums.recall += recallOf(scores, mayRead, asked, strategy.score, found);
  } catch (error) {
    if (error instanceof Error && error.message.includes(' was given ')) throw error;
    sums.times.push(performance.now() - begin);
    sums.errors += 1;
  }
}

/** Gives what may not be read, or nothing: for comparison of times alone. */
export const SEARCH = 'search, no permissions';
export const EXACT_SEARCH = 'exact search, no permissions';
export const TRIP = 'one round trip to the engine';
export const UNJUDGED: ReadonlySet<string> = new Set([SEARCH, EXACT_SEARCH, TRIP]);

function measuredOf({ times, recall, returned, checks, errors, seconds }: Taken): Measured {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const asked = times.length;
  return {
    asked,
    recall: recall / asked,
    returned: returned / asked,
    checks: checks / asked,
    p50: at(0.5),
    p95: at(0.95),
    perSecond: asked / seconds,
    errors,
  };
}
