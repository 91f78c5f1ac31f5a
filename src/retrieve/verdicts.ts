import { type Check, type CheckResult, type Engine, MAX_CHECKS_A_BATCH } from '../ports/engine.ts';
import { allowed, denied, undetermined, type Verdict } from '../types/verdict.ts';

/** Of one batch. OpenFGA gives up after 3 s by itself, and says so item by item. */
const BATCH_DEADLINE_MS = 4_000;
const BATCHES_IN_FLIGHT = 4;

type Question = Omit<Check, 'correlationId'>;

/**
 * The engine's verdict on each question, in order. What stays undetermined is asked once more; the
 * rest of the answer is not asked again, so a verdict is never older than this call.
 */
export async function verdictsOn(
  engine: Engine,
  tenant: string,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const verdicts = await ask(engine, tenant, questions, signal);
  const open = questions.flatMap((question, i) =>
    verdicts[i]?.kind === 'undetermined' ? [{ question, i }] : [],
  );
  if (open.length === 0) return verdicts;
  const again = await ask(
    engine,
    tenant,
    open.map(({ question }) => question),
    signal,
  );
  const second = new Map(open.map(({ i }, at) => [i, again[at]]));
  return verdicts.map((verdict, i) => second.get(i) ?? verdict);
}

async function ask(
  engine: Engine,
  tenant: string,
  questions: readonly Question[],
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const checks = questions.map((question, i) => ({ correlationId: `c${i}`, ...question }));
  const batches = Array.from({ length: Math.ceil(checks.length / MAX_CHECKS_A_BATCH) }, (_, i) =>
    checks.slice(i * MAX_CHECKS_A_BATCH, (i + 1) * MAX_CHECKS_A_BATCH),
  );
  const verdicts: Verdict[] = [];
  for (let i = 0; i < batches.length; i += BATCHES_IN_FLIGHT) {
    const wave = batches
      .slice(i, i + BATCHES_IN_FLIGHT)
      .map((batch) => askBatch(engine, tenant, batch, signal));
    verdicts.push(...(await Promise.all(wave)).flat());
  }
  return verdicts;
}

/** Never rejects: a batch that fails or is late as a whole leaves every one of its verdicts undetermined. */
async function askBatch(
  engine: Engine,
  tenant: string,
  checks: readonly Check[],
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(BATCH_DEADLINE_MS)]);
  try {
    const context = { current_time: new Date().toISOString() };
    const results = await orAborted(
      engine.batchCheck({ tenant, checks, context, signal: deadline }),
      deadline,
    );
    return reconcile(checks, results);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return checks.map(() => undetermined(reason));
  }
}

/** Doesn't trust an adapter to obey the signal: at the deadline the answer is no longer read. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new Error('no answer within the deadline'));
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
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
