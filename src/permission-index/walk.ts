import type { Relation } from '../evaluator/relation.ts';
import { typeOf } from '../evaluator/subject.ts';
import { holds, type Input, type Plan } from './plan.ts';
import type { Node, RelationshipGraph } from './relationship-graph.ts';

/** How a walk came to a relation on an object. */
export type Step = {
  readonly from: Node;
  readonly to: Node;
} & (
  | { readonly kind: 'tuple' }
  | { readonly kind: 'computed' }
  /** The object of `to` names the object of `from` by this tupleset. */
  | { readonly kind: 'from'; readonly tupleset: Relation }
);

/** Tuples that one walk follows; it holds up the whole process while it lasts, some 0.2 s for as many. */
export const MAX_STEPS = 2_000_000;

export type WalkOptions = {
  readonly maxSteps?: number;
  /** Is told of each step to what is walked. */
  readonly trace?: (step: Step) => void;
  /** Undefined: documents are walked like any other object, also where each could be reached in one step. */
  readonly leaf?: Plan['leaf'];
};

/**
 * Calls `found` for every object of the guarded type that `reader` may have the guarded relation to, at least once, nearest
 * first; without it, documents that are only ever the last step are left out. Returns false where it gave up after `maxSteps`.
 */
export function walk(
  graph: RelationshipGraph,
  reader: string,
  found: ((object: number) => void) | undefined,
  options: WalkOptions = {},
): boolean {
  const { consequences, guarded } = graph.plan;
  const { maxSteps = MAX_STEPS, trace } = options;
  const leaf = 'leaf' in options ? options.leaf : graph.plan.leaf;
  const reached = new Set<Node>();
  const queue: Node[] = [];
  const inputs = new Map<Node, number>();
  const childrenTaken = new Set<Node>();
  let steps = 0;

  const reach = (node: Node, object: number, relation: Relation) => {
    if (reached.has(node)) return;
    reached.add(node);
    queue.push(node);
    if (relation === guarded) found?.(object);
  };
  const enter = (object: number, { relation, bit }: Input, step: (to: Node) => Step) => {
    const node = graph.node(object, relation);
    trace?.(step(node));
    const formula = consequences[relation.index]?.formula;
    if (formula !== undefined) {
      const bits = (inputs.get(node) ?? 0) | (1 << bit);
      inputs.set(node, bits);
      if (!holds(formula, bits)) return;
    }
    reach(node, object, relation);
  };
  const follow = (user: Node) => {
    for (const granted of graph.grantedTo(user)) {
      steps += 1;
      const relation = graph.relationOf(granted);
      const input = relation && consequences[relation.index]?.direct;
      if (relation === undefined || input === undefined) continue;
      if (leaf?.direct.has(relation)) found?.(graph.objectOf(granted));
      else enter(graph.objectOf(granted), input, (to) => ({ kind: 'tuple', from: user, to }));
    }
  };

  for (const node of startsOf(graph, reader)) follow(node);
  // The queue grows while it is read.
  for (const node of queue) {
    if (steps > maxSteps) return false;
    const relation = graph.relationOf(node);
    const follows = relation && consequences[relation.index];
    if (relation === undefined || follows === undefined) continue;
    const object = graph.objectOf(node);
    follow(node);
    for (const input of follows.computed)
      enter(object, input, (to) => ({ kind: 'computed', from: node, to }));
    for (const tupleset of (found && leaf?.from.get(relation)) ?? []) {
      const children = graph.node(object, tupleset);
      if (childrenTaken.has(children)) continue;
      childrenTaken.add(children);
      for (const child of graph.childrenOf(object, tupleset)) {
        steps += 1;
        found?.(child);
      }
    }
    for (const { tupleset, input } of follows.from) {
      if (leaf !== undefined && input.relation.type === guarded.type) continue;
      for (const child of graph.childrenOf(object, tupleset)) {
        steps += 1;
        enter(child, input, (to) => ({ kind: 'from', from: node, to, tupleset }));
      }
    }
  }
  return steps <= maxSteps;
}

/** What a tuple can name the reader by. */
export function startsOf(graph: RelationshipGraph, reader: string): readonly Node[] {
  return [reader, `${typeOf(reader)}:*`].flatMap((text) => {
    const id = graph.idOf(text);
    return id === undefined ? [] : [graph.objectNode(id)];
  });
}
