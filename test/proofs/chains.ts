import { compilePlan } from '../../src/permission-index/plan.ts';
import { RelationshipGraph } from '../../src/permission-index/relationship-graph.ts';
import type { Link } from '../../src/types/link.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import type { World } from '../differential/world.ts';

export function graphOf(
  { model, tuples }: Pick<World, 'model' | 'tuples'>,
  type: string,
  relation: string,
): RelationshipGraph {
  const graph = new RelationshipGraph(compilePlan(model, { type, relation }));
  for (const tuple of tuples) graph.add(tuple);
  return graph;
}

/** A short cut over several links, or one of another object, user or relation. */
export function tampered(
  chain: readonly Link[],
  tuples: readonly Tuple[],
  random: () => number,
): readonly Link[] {
  const pick = <T>(of: readonly T[]): T | undefined => of[Math.floor(random() * of.length)];
  const at = Math.floor(random() * chain.length);
  const link = chain[at];
  const other = pick(tuples);
  if (link === undefined || other === undefined) return chain;
  const injected: Link = { kind: 'tuple', user: other.user, relation: other.relation, object: other.object };
  switch (Math.floor(random() * 4)) {
    case 0:
    case 1:
      return shortCut(chain, at, at + 1 + Math.floor(random() * (chain.length - at - 1)));
    case 2:
      return chain.with(at, injected);
    default:
      return chain.with(at, { ...link, object: other.object });
  }
}

/** As if what stands before `from` were named in the relation that stands after `to`. */
function shortCut(chain: readonly Link[], from: number, to: number): readonly Link[] {
  const before = chain[from - 1];
  const end = chain[to];
  if (before === undefined || end === undefined) return chain;
  const { relation, object } = end;
  const user = `${before.object}#${before.relation}`;
  return chain.toSpliced(from, to - from + 1, { kind: 'tuple', user, relation, object });
}
