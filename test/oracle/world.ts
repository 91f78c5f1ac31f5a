import fc from 'fast-check';
import { Evaluator } from '../../src/evaluator/evaluator.ts';
import type { Model } from '../../src/evaluator/model.ts';
import type { Relation } from '../../src/evaluator/relation.ts';
import { typeOf } from '../../src/evaluator/subject.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { sketches } from '../differential/arbitrary.ts';
import { READERS, type World, worldOf } from '../differential/world.ts';
import { ids, originalOf } from './collection.ts';

/** A model, every relationship that will ever be written, and what decides when. */
export type OracleWorld = {
  readonly world: World;
  readonly guarded: { readonly type: string; readonly relation: string };
  readonly universe: readonly Tuple[];
  readonly seed: number;
};

/** Undefined where OpenFGA would not take the model, or where nobody may read anything by it. */
export const oracleWorlds: fc.Arbitrary<OracleWorld | undefined> = fc
  .record({ sketch: sketches, seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }) })
  .map(({ sketch, seed }) => {
    const world = worldOf(sketch);
    if ('refused' in world) return undefined;
    const universe = withCopies(world.tuples);
    const relation = mostTelling(world.model, universe);
    return relation && { world, guarded: { type: relation.type, relation: relation.name }, universe, seed };
  });

/** The relation of documents that most readers have to some of them and lack to others. */
function mostTelling(model: Model, universe: readonly Tuple[]): Relation | undefined {
  const evaluator = new Evaluator(model, new TupleGraph(universe));
  let best: { readonly relation: Relation; readonly telling: number } | undefined;
  for (const relation of model.types.get('document')?.values() ?? []) {
    if (relation.isTupleset) continue;
    const pairs = ids.flatMap((id) =>
      READERS.map((user) => evaluator.check({ user, relation: relation.name, object: `document:${id}` })),
    );
    const allowed = pairs.filter(({ kind }) => kind === 'allowed').length;
    const telling = allowed * (1 + pairs.length - allowed);
    if (telling > (best?.telling ?? 0)) best = { relation, telling };
  }
  return best?.relation;
}

/** Every relationship on a document is one on each of its copies too: which of them are written is another matter. */
function withCopies(tuples: readonly Tuple[]): readonly Tuple[] {
  return tuples.flatMap((tuple) =>
    typeOf(tuple.object) === 'document'
      ? ids
          .filter((id) => `document:${originalOf(id)}` === tuple.object)
          .map((id) => ({ ...tuple, object: `document:${id}` }))
      : [tuple],
  );
}
