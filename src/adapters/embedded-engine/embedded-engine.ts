import { Evaluator } from '../../evaluator/evaluator.ts';
import type { Model } from '../../evaluator/model.ts';
import { TupleGraph } from '../../evaluator/tuple-graph.ts';
import type { Engine } from '../../ports/engine.ts';
import type { TupleLog } from '../../ports/tuple-log.ts';

/** Checks that share one evaluator's memory of what it found out, before that memory is given up. */
const MAX_SHARED_CHECKS = 50_000;

type Held = { version: number; graph: TupleGraph; shared: Evaluator; sharedChecks: number };

/**
 * Answers checks from a copy of the relationships in memory that is never older than the database:
 * every batch compares versions first and catches up, for another process may have written.
 */
export function embeddedEngine(model: Model, log: TupleLog): Engine {
  const copies = new Map<string, Copy>();
  const conditional = model.conditions.size > 0;

  return {
    async batchCheck({ tenant, checks, context, contextualTuples }) {
      let copy = copies.get(tenant);
      if (copy === undefined) copies.set(tenant, (copy = new Copy(tenant, model, log)));
      const held = await copy.current();
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

/** One tenant's relationships in memory. */
class Copy {
  readonly #tenant: string;
  readonly #model: Model;
  readonly #log: TupleLog;
  #held: Held | undefined;
  /** A catch-up that has not yet read the version: whoever asks now may share it. */
  #upcoming: Promise<Held> | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(tenant: string, model: Model, log: TupleLog) {
    this.#tenant = tenant;
    this.#model = model;
    this.#log = log;
  }

  /** The copy at a version read after this call began. */
  current(): Promise<Held> {
    this.#upcoming ??= this.#afterRunning();
    return this.#upcoming;
  }

  #afterRunning(): Promise<Held> {
    const turn = this.#running.then(() => {
      this.#upcoming = undefined;
      return this.#catchUp();
    });
    this.#running = turn.catch(() => {});
    return turn;
  }

  async #catchUp(): Promise<Held> {
    const held = this.#held;
    if (held === undefined) {
      const { version, tuples } = await this.#log.snapshot(this.#tenant);
      const graph = new TupleGraph(tuples);
      return (this.#held = { version, graph, shared: new Evaluator(this.#model, graph), sharedChecks: 0 });
    }
    const newest = await this.#log.version(this.#tenant);
    if (newest === held.version) return held;
    const { version, changes } = await this.#log.changesSince(this.#tenant, held.version);
    for (const change of changes) {
      if (change.kind === 'written') held.graph.add(change.tuple);
      else held.graph.delete(change.key);
    }
    held.version = Math.max(newest, version);
    held.shared = new Evaluator(this.#model, held.graph);
    held.sharedChecks = 0;
    return held;
  }
}
