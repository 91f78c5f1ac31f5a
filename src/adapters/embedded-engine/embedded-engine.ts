import { Evaluator } from '../../evaluator/evaluator.ts';
import type { Model } from '../../evaluator/model.ts';
import { TupleGraph } from '../../evaluator/tuple-graph.ts';
import type { Engine } from '../../ports/engine.ts';
import type { TupleLog } from '../../ports/tuple-log.ts';
import { applyChanges, readInto } from '../../types/tuple-copy.ts';
import { eachUpToDate } from '../../types/up-to-date.ts';

/** Checks that share one evaluator's memory of what it found out, before that memory is given up. */
const MAX_SHARED_CHECKS = 50_000;

type Held = { version: number; graph: TupleGraph; shared: Evaluator; sharedChecks: number };

/**
 * Answers checks from a copy of the relationships in memory that is never older than the database:
 * every batch compares versions first and catches up, for another process may have written.
 */
export function embeddedEngine(model: Model, log: TupleLog): Engine {
  const current = eachUpToDate<Held>((tenant, held) => catchUp(model, log, tenant, held));
  const conditional = model.conditions.size > 0;

  return {
    async batchCheck({ tenant, checks, context, contextualTuples }) {
      const held = await current(tenant);
      // From here to the end nothing is awaited, so all checks see one state of the graph.
      const evaluator =
        conditional || contextualTuples !== undefined
          ? new Evaluator(model, held.graph, {
              ...(context === undefined ? {} : { context }),
              ...(contextualTuples === undefined ? {} : { contextualTuples }),
            })
          : sharedEvaluator(model, held, checks.length);
      return checks.map(({ correlationId, ...query }) => {
        const outcome = evaluator.check(query);
        return outcome.kind === 'error'
          ? { correlationId, allowed: false, error: `${outcome.code}: ${outcome.message}` }
          : { correlationId, allowed: outcome.kind === 'allowed' };
      });
    },
  };
}

/** Without conditions a verdict follows from the model and the relationships alone, so it holds for a whole version. */
function sharedEvaluator(model: Model, held: Held, checks: number): Evaluator {
  held.sharedChecks += checks;
  if (held.sharedChecks > MAX_SHARED_CHECKS) {
    held.shared = new Evaluator(model, held.graph);
    held.sharedChecks = checks;
  }
  return held.shared;
}

/** The tenant's relationships at a version read now: from what was held before, else page by page and what changed since. */
async function catchUp(model: Model, log: TupleLog, tenant: string, held: Held | undefined): Promise<Held> {
  if (held === undefined) {
    const graph = new TupleGraph();
    const version = await readInto(graph, log, tenant);
    const loaded = { version, graph, shared: new Evaluator(model, graph), sharedChecks: 0 };
    return catchUp(model, log, tenant, loaded);
  }
  const newest = await log.version(tenant);
  if (newest === held.version) return held;
  const { version, changes } = await log.changesSince(tenant, held.version);
  applyChanges(held.graph, changes);
  held.version = Math.max(newest, version);
  if (changes.length === 0) return held;
  held.shared = new Evaluator(model, held.graph);
  held.sharedChecks = 0;
  return held;
}
