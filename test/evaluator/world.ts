import { Evaluator, type EvaluatorOptions } from '../../src/evaluator/evaluator.ts';
import { type Model, modelFromDsl } from '../../src/evaluator/model.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import type { Tuple } from '../../src/types/tuple.ts';

/** `document:1#viewer@user:anne` */
export function tuple(text: string, condition?: Tuple['condition']): Tuple {
  const [, object = '', relation = '', user = ''] = /^([^#]+)#([^@]+)@(.+)$/.exec(text) ?? [];
  return condition ? { object, relation, user, condition } : { object, relation, user };
}

/** A model of the given types, after `type user`. */
export function model(types: string, schema = '1.1'): Model {
  return modelFromDsl(`model\n  schema ${schema}\ntype user\n${types.trim()}\n`);
}

/** Answers `document:1#viewer@user:anne` with a kind, or the code of the error. */
export function asker(
  of: Model,
  tuples: readonly Tuple[],
  options?: EvaluatorOptions,
): (text: string) => string {
  const evaluator = new Evaluator(of, new TupleGraph(tuples), options);
  return (text) => {
    const outcome = evaluator.check(tuple(text));
    return outcome.kind === 'error' ? outcome.code : outcome.kind;
  };
}
