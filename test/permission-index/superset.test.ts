import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Evaluator } from '../../src/evaluator/evaluator.ts';
import type { Relation } from '../../src/evaluator/relation.ts';
import { typeOf } from '../../src/evaluator/subject.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { compilePlan, type Plan } from '../../src/permission-index/plan.ts';
import { RelationshipGraph } from '../../src/permission-index/relationship-graph.ts';
import { walk } from '../../src/permission-index/walk.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { sketches } from '../differential/arbitrary.ts';
import { worldText } from '../differential/print.ts';
import { readersOf, type World, worldOf } from '../differential/world.ts';

/** The long run: `INDEX_WORLDS=20000 npm test -- test/permission-index`. */
const WORLDS = Number(process.env.INDEX_WORLDS ?? 600);
const SEED = 20_261_123;

type Spoil = (plan: Plan) => Plan;

describe('the permission index, on generated models and relationships', () => {
  it(`holds everything that the evaluator allows, and nothing more where nothing is left out (${WORLDS} worlds)`, {
    timeout: 3_600_000,
  }, () => {
    const totals = { allowed: 0, exact: 0, wider: 0 };
    fc.assert(
      fc.property(sketches, (sketch) => {
        for (const { world, lost, extra, allowed, exact } of comparisons(sketch)) {
          if (lost.length > 0) expect.fail(`lost ${lost.join(', ')}\n${worldText(world)}`);
          if (exact && extra.length > 0) expect.fail(`too many: ${extra.join(', ')}\n${worldText(world)}`);
          totals.allowed += allowed;
          totals[exact ? 'exact' : 'wider'] += 1;
        }
      }),
      { numRuns: WORLDS, seed: SEED, endOnFailure: false },
    );
    console.log(totals);
    expect(totals.allowed).toBeGreaterThan(WORLDS);
    expect(totals.exact).toBeGreaterThan(WORLDS);
    expect(totals.wider).toBeGreaterThan(WORLDS);
  });

  const without = (change: (plan: Plan['consequences'][number]) => Plan['consequences'][number]): Spoil => {
    return (plan) => ({ ...plan, leaf: undefined, consequences: plan.consequences.map(change) });
  };
  it.each<[string, Spoil]>([
    ['computed relations', without((of) => ({ ...of, computed: [] }))],
    ['relations "from" a parent', without((of) => ({ ...of, from: [] }))],
    [
      'half the ways into a document',
      ({ leaf, ...plan }) => ({ ...plan, leaf: { direct: new Set(), from: leaf?.from ?? new Map() } }),
    ],
  ])('would lose some without %s', (_, spoil) => {
    expect(() =>
      fc.assert(
        fc.property(sketches, (sketch) => {
          for (const { lost } of comparisons(sketch, spoil)) expect(lost).toEqual([]);
        }),
        { numRuns: 300, seed: SEED, endOnFailure: true },
      ),
    ).toThrow('Property failed');
  });
});

function* comparisons(sketch: Parameters<typeof worldOf>[0], spoil: Spoil = (plan) => plan) {
  const world = worldOf(sketch);
  if ('refused' in world) return;
  const evaluator = new Evaluator(world.model, new TupleGraph(world.tuples), { context: world.context });
  for (const guarded of guardedOf(world)) {
    const plan = compilePlan(world.model, { type: guarded.type, relation: guarded.name });
    const graph = changedOften(spoil(plan), world.tuples);
    const objects = new Set(
      world.tuples.map(({ object }) => object).filter((object) => typeOf(object) === guarded.type),
    );
    for (const user of readersOf(world.model)) {
      const outcomes = [...objects].map((object) => ({
        object,
        ...evaluator.check({ user, relation: guarded.name, object }),
      }));
      const allowed = outcomes.filter(({ kind }) => kind === 'allowed').map(({ object }) => object);
      const undecided = outcomes.some(({ kind }) => kind === 'error');
      const found = foundBy(graph, user);
      yield {
        world,
        allowed: allowed.length,
        lost: allowed
          .filter((object) => !found.has(object))
          .map((object) => `${user} ${guarded.name} ${object}`),
        extra: [...found]
          .filter((object) => !allowed.includes(object))
          .map((object) => `${user} ${guarded.name} ${object}`),
        exact: plan.wider.length === 0 && !undecided,
      };
    }
  }
}

/** Every relation of the types that have most. */
function guardedOf({ model }: World): readonly Relation[] {
  return model.relations.filter(({ isTupleset }) => !isTupleset);
}

/** Written, half of it deleted and written again: what is left must be as if it had been written once. */
function changedOften(plan: Plan, tuples: readonly Tuple[]): RelationshipGraph {
  const graph = new RelationshipGraph(plan);
  for (const tuple of tuples) graph.add(tuple);
  for (const tuple of tuples) graph.add(tuple);
  const half = tuples.filter((_, i) => i % 2 === 0);
  for (const tuple of half) graph.delete(tuple);
  for (const tuple of half) graph.add(tuple);
  return graph;
}

function foundBy(graph: RelationshipGraph, user: string): Set<string> {
  const found = new Set<string>();
  const whole = walk(graph, user, (object) => found.add(graph.nameOf(object)));
  expect(whole).toBe(true);
  return found;
}
