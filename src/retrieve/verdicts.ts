import {
  type Check,
  type CheckResult,
  contextNow,
  type Engine,
  MAX_CHECKS_A_BATCH,
} from '../ports/engine.ts';
import { batches } from '../types/batches.ts';
import { orAborted } from '../types/or-aborted.ts';
import type { TupleKey } from '../types/tuple.ts';
import { allowed, denied, undetermined, type Verdict } from '../types/verdict.ts';

/** Of one batch. OpenFGA gives up after 3 s by itself, and says so item by item. */
const BATCH_DEADLINE_MS = 4_000;
const FEWEST_CHECKS = 4;
const FIRST_CHECKS = 16;
const MOST_CHECKS = 128;
/** An engine that needs longer than this for what it is asked at once is not asked more. */
const QUICK_MS = 500;

/**
 * The engine's verdicts on a request's questions. How many it is asked at once follows from how it answers: twice as
 * many after a quick answer, a quarter after one that leaves a verdict undetermined, for an engine with too much to do
 * at once decides nothing in time.
 */
export class Verdicts {
  readonly #engine: Engine;
  readonly #tenant: string;
  readonly #signal: AbortSignal;
  readonly #took: (checks: number, milliseconds: number) => void;
  #atOnce = FIRST_CHECKS;

  constructor(
    engine: Engine,
    tenant: string,
    signal: AbortSignal,
    took: (checks: number, milliseconds: number) => void = () => {},
  ) {
    this.#took = took;
    this.#engine = engine;
    this.#tenant = tenant;
    this.#signal = signal;
  }

  /**
   * In the order of the questions, some at a time; the next are asked once these have been taken. What stays
   * undetermined is asked once more; the rest is not asked again, so a verdict is never older than this request.
   */
  async *on(questions: readonly TupleKey[]): AsyncGenerator<readonly Verdict[]> {
    for (let from = 0; from < questions.length; ) {
      const asked = questions.slice(from, from + this.#atOnce);
      from += asked.length;
      const verdicts = await this.#ask(asked);
      yield verdicts.some(isUndetermined) ? await this.#askAgain(asked, verdicts) : verdicts;
    }
  }

  /** Stops where the engine again decides nothing: its caller can't wait for more of that. */
  async #askAgain(questions: readonly TupleKey[], first: readonly Verdict[]): Promise<readonly Verdict[]> {
    const verdicts = [...first];
    const open = [...first.keys()].filter((i) => isUndetermined(first[i]));
    while (open.length > 0) {
      const these = open.splice(0, this.#atOnce);
      const again = await this.#ask(these.flatMap((i) => questions[i] ?? []));
      for (const [at, i] of these.entries()) verdicts[i] = again[at] ?? undetermined('not asked');
      if (again.every(isUndetermined)) break;
    }
    return verdicts;
  }

  async #ask(questions: readonly TupleKey[]): Promise<readonly Verdict[]> {
    const begin = performance.now();
    const verdicts = await ask(this.#engine, this.#tenant, questions, this.#signal);
    const milliseconds = performance.now() - begin;
    if (verdicts.some(isUndetermined)) this.#atOnce = Math.max(FEWEST_CHECKS, this.#atOnce / 4);
    else this.#took(questions.length, milliseconds);
    if (!verdicts.some(isUndetermined) && milliseconds < QUICK_MS)
      this.#atOnce = Math.min(MOST_CHECKS, this.#atOnce * 2);
    return verdicts;
  }
}

const isUndetermined = (verdict: Verdict | undefined): boolean => verdict?.kind === 'undetermined';

async function ask(
  engine: Engine,
  tenant: string,
  questions: readonly TupleKey[],
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const verdicts = await Promise.all(
    Array.from(batches(questions, MAX_CHECKS_A_BATCH), (batch) => askBatch(engine, tenant, batch, signal)),
  );
  return verdicts.flat();
}

/** No id is used twice, so an answer to another call answers nothing. */
let asked = 0;

/** Of at most 50 questions. Never rejects: a batch that fails or is late as a whole leaves every one of its verdicts undetermined. */
export async function askBatch(
  engine: Engine,
  tenant: string,
  questions: readonly TupleKey[],
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const deadline = withDeadline(signal);
  const checks = questions.map((question) => ({ ...question, correlationId: `c${(asked += 1)}` }));
  try {
    const context = contextNow();
    const results = await orAborted(
      // An adapter may not obey the signal.
      engine.batchCheck({ tenant, checks, context, signal: deadline }),
      deadline,
      () => new Error('no answer within the deadline'),
    );
    return reconcile(checks, results);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return checks.map(() => undetermined(reason));
  }
}

export function withDeadline(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(BATCH_DEADLINE_MS)]);
}

/** One verdict for each check. A result counts only if it is the only one of its id and has no error. */
export function reconcile(checks: readonly Check[], results: readonly CheckResult[]): readonly Verdict[] {
  const byId = Map.groupBy(results, (result) => result.correlationId);
  return checks.map(({ correlationId }) => {
    const [result, ...others] = byId.get(correlationId) ?? [];
    if (result === undefined) return undetermined('the engine gave no verdict');
    if (others.length > 0) return undetermined('the engine gave more than one verdict');
    if (result.error !== undefined) return undetermined(result.error);
    return result.allowed ? allowed : denied;
  });
}
