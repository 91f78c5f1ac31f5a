import type { Model } from '../evaluator/model.ts';
import { TupleGraph } from '../evaluator/tuple-graph.ts';
import { tupleProblem } from '../evaluator/validate.ts';
import { StoreError } from './store-error.ts';
import type { StoreFileTest } from './store-schema.ts';
import type { PlacedTuple } from './tuple-schema.ts';

/** A store file with everything it names read and found to be valid. */
export type Store = {
  readonly file: string;
  readonly model: Model;
  readonly tests: readonly StoreTest[];
};

export type StoreTest = {
  readonly name: string;
  /** The store's tuples and the test's own. */
  readonly graph: TupleGraph;
  readonly check: StoreFileTest['check'];
  readonly listObjects: StoreFileTest['list_objects'];
  readonly listUsers: StoreFileTest['list_users'];
};

/** Throws `StoreError` for every tuple that the model forbids or that is there twice, as OpenFGA's Write does. */
export function validGraph(model: Model, tuples: readonly PlacedTuple[]): TupleGraph {
  const graph = new TupleGraph();
  const problems: string[] = [];
  for (const { tuple, place } of tuples) {
    const problem = graph.has(tuple) ? 'this tuple is there already' : tupleProblem(model, tuple);
    if (problem === undefined) graph.add(tuple);
    else problems.push(`${place}: (${tuple.user}, ${tuple.relation}, ${tuple.object}): ${problem}`);
  }
  if (problems.length > 0) throw new StoreError(problems);
  return graph;
}
