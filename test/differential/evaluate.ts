import { compileRelations } from '../../src/evaluator/compile.ts';
import { EvaluationError, Evaluator } from '../../src/evaluator/evaluator.ts';
import { Resolver } from '../../src/evaluator/resolver.ts';
import { parseSubject, typeOf } from '../../src/evaluator/subject.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { TupleReader } from '../../src/evaluator/tuple-reader.ts';
import type { ListQuestion } from './sketch.ts';
import type { Spoil } from './spoil.ts';
import type { World } from './world.ts';

export type Answer = 'allowed' | 'denied' | 'error';

export type Listing = {
  readonly objects: readonly string[] | 'error';
  readonly users: readonly string[] | 'error';
};

function evaluatorOf({ model, tuples, contextual, context }: World): Evaluator {
  return new Evaluator(model, new TupleGraph(tuples), { context, contextualTuples: contextual });
}

/** In the order of the questions, by one evaluator: what it remembers is tested too. */
export function answersOf(world: World): Answer[] {
  const evaluator = evaluatorOf(world);
  return world.questions.map((question) => evaluator.check(question).kind);
}

export function listingOf(world: World, { user, relation, object, filter }: ListQuestion): Listing {
  const evaluator = evaluatorOf(world);
  const [type = '', name] = filter.split('#');
  const filters = [name === undefined ? { type } : { type, relation: name }];
  return {
    objects: orError(() => evaluator.listObjects({ user, relation, type: typeOf(object) })),
    users: orError(() => evaluator.listUsers({ object, relation, filters })),
  };
}

function orError(list: () => string[]): readonly string[] | 'error' {
  try {
    return list();
  } catch (error) {
    if (error instanceof EvaluationError) return 'error';
    throw error;
  }
}

/** The same world as an evaluator with a fault would see it. */
export function spoiledBy(spoil: Spoil, world: World): World {
  const { json, tuples, contextual } = spoil({
    json: world.model.json,
    tuples: world.tuples,
    contextual: world.contextual,
  });
  const types = compileRelations(json);
  const relations = [...types.values()].flatMap((of) => [...of.values()]);
  return { ...world, tuples, contextual, model: { ...world.model, json, types, relations } };
}

/** Whether some question is denied and met a cycle on the way. */
export function meetsCycle({ model, tuples, context, questions }: World): boolean {
  const reader = new TupleReader(model, new TupleGraph(tuples), context);
  return questions.some(({ user, relation: name, object }) => {
    const relation = model.types.get(typeOf(object))?.get(name);
    return relation && new Resolver(model, reader, parseSubject(user)).resolve(relation, object).cycle;
  });
}
