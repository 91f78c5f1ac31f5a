import type { Engine } from '../ports/engine.ts';
import { reconcile } from '../retrieve/verdicts.ts';
import { undetermined, type Verdict } from '../types/verdict.ts';
import type { Meter } from './meter.ts';

/** Counts verdicts as enforcement sees them: what is missing, late or there twice is undetermined. */
export function measuredEngine(engine: Engine, meter: Meter): Engine {
  const listObjects = engine.listObjects?.bind(engine);
  return {
    ...(listObjects === undefined
      ? {}
      : { listObjects: (question) => meter.timed('list_objects', () => listObjects(question)) }),
    async batchCheck(batch) {
      let counted = false;
      const count = (verdicts: readonly Verdict[]) => {
        if (counted) return;
        counted = true;
        for (const [kind, those] of Map.groupBy(verdicts, (verdict) => verdict.kind)) {
          meter.verdicts(kind, those.length);
        }
      };
      const none = () => count(batch.checks.map(() => undetermined('no answer within the deadline')));
      // Enforcement doesn't wait for an engine that ignores its deadline, nor does the count.
      batch.signal.addEventListener('abort', none, { once: true });
      if (batch.signal.aborted) none();
      try {
        const results = await meter.timed('checks', () => engine.batchCheck(batch));
        count(reconcile(batch.checks, results));
        return results;
      } catch (error) {
        none();
        throw error;
      } finally {
        batch.signal.removeEventListener('abort', none);
      }
    },
  };
}
