import type { BatchCheck, Check, CheckResult, Engine } from '../../src/ports/engine.ts';

/** An engine that answers each check by `answer`, whatever is written anywhere. */
export function engineOf(answer: (check: Check) => boolean): Engine {
  return {
    async batchCheck({ checks }) {
      return checks.map((check) => ({ correlationId: check.correlationId, allowed: answer(check) }));
    },
  };
}

/** No guard at all. */
export const allowsAll: Engine = engineOf(() => true);

/** An engine whose results are changed on their way. */
export function spoiled(
  engine: Engine,
  spoil: (
    results: readonly CheckResult[],
    batch: BatchCheck,
  ) => readonly CheckResult[] | Promise<readonly CheckResult[]>,
): Engine {
  return { batchCheck: async (batch) => spoil(await engine.batchCheck(batch), batch) };
}
