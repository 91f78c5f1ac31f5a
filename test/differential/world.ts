import { type Model, ModelError, modelFromJson } from '../../src/evaluator/model.ts';
import type { AuthorizationModelJson } from '../../src/evaluator/model-json.ts';
import type { Restriction } from '../../src/evaluator/relation.ts';
import { typeOf } from '../../src/evaluator/subject.ts';
import { tupleProblem } from '../../src/evaluator/validate.ts';
import { MAX_CHECKS_A_BATCH, MAX_TUPLES_A_WRITE } from '../../src/ports/engine.ts';
import { type Tuple, tupleKey } from '../../src/types/tuple.ts';
import { contextOf, parameterNames, tupleContext } from './conditions.ts';
import { type ListQuestion, modelJson, type Question, type Sketch, type TupleSketch } from './sketch.ts';

/** What both sides are given. */
export type World = {
  readonly model: Model;
  readonly tuples: readonly Tuple[];
  /** Those that the model forbids. */
  readonly forbidden: readonly Tuple[];
  readonly contextual: readonly Tuple[];
  readonly context: Readonly<Record<string, unknown>>;
  readonly questions: readonly Question[];
  readonly lists: readonly ListQuestion[];
};

/** The JSON alone where the model is none that OpenFGA would take. */
export function worldOf(sketch: Sketch): World | { readonly refused: AuthorizationModelJson } {
  const json = modelJson(sketch);
  let model: Model;
  try {
    model = modelFromJson(json);
  } catch (error) {
    if (error instanceof ModelError) return { refused: json };
    throw error;
  }
  const tuples = tuplesOf(model, sketch.tuples);
  return {
    model,
    tuples: tuples.filter((tuple) => tupleProblem(model, tuple) === undefined).slice(0, MAX_TUPLES_A_WRITE),
    forbidden: tuples.filter((tuple) => tupleProblem(model, tuple) !== undefined).slice(0, 1),
    contextual: tuplesOf(model, sketch.contextual).filter(
      (tuple) => tupleProblem(model, tuple) === undefined,
    ),
    context: contextOf(parameterNames, sketch.context),
    questions: sketch.questions
      .filter((question) => question.relation === 'unknown' || isThere(model, question))
      .slice(0, MAX_CHECKS_A_BATCH),
    lists: sketch.lists.filter((list) => isThere(model, list) && isUserThere(model, list.filter)),
  };
}

function isThere(model: Model, { user, relation, object }: Question): boolean {
  return isUserThere(model, user) && model.types.get(typeOf(object))?.has(relation) === true;
}

function isUserThere(model: Model, user: string): boolean {
  const [object = '', relation] = user.split('#');
  return relation === undefined || model.types.get(object.split(':')[0] ?? '')?.has(relation) === true;
}

/** Who the relationships of a world name, people and agents. */
export const READERS = ['user:x', 'user:y', 'agent:x', 'agent:y'];

export function readersOf(model: Model): readonly string[] {
  return READERS.filter((reader) => model.types.has(typeOf(reader)));
}

function tuplesOf(model: Model, sketches: readonly TupleSketch[]): Tuple[] {
  const tuples = sketches
    .filter((sketch) => sketch.stray !== undefined || restrictionsOf(model, sketch).length > 0)
    .map((sketch) => tupleOf(model, sketch));
  return [...new Map(tuples.map((tuple) => [tupleKey(tuple), tuple])).values()];
}

function restrictionsOf(model: Model, { object, relation }: TupleSketch): readonly Restriction[] {
  return model.types.get(typeOf(object))?.get(relation)?.restrictions ?? [];
}

function tupleOf(model: Model, sketch: TupleSketch): Tuple {
  const { object, relation, context } = sketch;
  const all = restrictionsOf(model, sketch);
  const restriction = all[sketch.restriction % all.length];
  const key = { object, relation, user: sketch.stray ?? userOf(restriction, sketch.id) };
  if (restriction?.condition === undefined) return key;
  const name = restriction.condition;
  return { ...key, condition: { name, context: tupleContext(name, context) } };
}

function userOf(restriction: Restriction | undefined, id: number): string {
  const { type, relation, wildcard } = restriction ?? { type: 'user', relation: undefined, wildcard: false };
  if (wildcard) return `${type}:*`;
  if (type === 'user' || type === 'agent') return `${type}:${id === 2 ? 'y' : 'x'}`;
  return relation === undefined ? `${type}:${id + 1}` : `${type}:${id + 1}#${relation}`;
}
