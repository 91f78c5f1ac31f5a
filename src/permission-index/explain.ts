import type { Link } from '../types/link.ts';
import type { Node, RelationshipGraph } from './relationship-graph.ts';
import { type Step, walk } from './walk.ts';

/**
 * The shortest way by which the index takes `object` for readable, in order: each step rests on those before it. Where a
 * relation needs several things at once (`and`), the ways to all of them. Undefined where there is none.
 */
export function explain(
  graph: RelationshipGraph,
  reader: string,
  object: string,
): readonly Link[] | undefined {
  const steps = new Map<Node, Step[]>();
  let found = false;
  const target = graph.idOf(object);
  walk(graph, reader, (readable) => (found ||= readable === target), {
    // Whatever it takes: it is asked for by an operator, one at a time.
    maxSteps: Number.POSITIVE_INFINITY,
    leaf: undefined,
    trace(step) {
      const known = steps.get(step.to);
      if (known === undefined) steps.set(step.to, [step]);
      else if (needsSeveral(graph, step.to)) known.push(step);
    },
  });
  if (!found || target === undefined) return undefined;
  const goal = graph.node(target, graph.plan.guarded);

  const links = new Map<Step, Link>();
  const visit = (node: Node, seen: ReadonlySet<Node>) => {
    for (const step of steps.get(node) ?? []) {
      if (links.has(step) || seen.has(step.from)) continue;
      visit(step.from, new Set(seen).add(step.from));
      links.set(step, linkOf(graph, step));
    }
  };
  visit(goal, new Set([goal]));
  return [...links.values()];
}

function needsSeveral(graph: RelationshipGraph, node: Node): boolean {
  const relation = graph.relationOf(node);
  return relation !== undefined && graph.plan.consequences[relation.index]?.formula !== undefined;
}

export function linkOf(graph: RelationshipGraph, step: Step): Link {
  const object = graph.nameOf(graph.objectOf(step.to));
  const relation = graph.relationOf(step.to)?.name ?? '';
  const fromObject = graph.nameOf(graph.objectOf(step.from));
  const fromRelation = graph.relationOf(step.from)?.name;
  switch (step.kind) {
    case 'tuple': {
      const user = fromRelation === undefined ? fromObject : `${fromObject}#${fromRelation}`;
      return { kind: 'tuple', user, relation, object };
    }
    case 'computed':
      return { kind: 'computed', object, from: fromRelation ?? '', relation };
    case 'from': {
      const { name: tupleset } = step.tupleset;
      return {
        kind: 'from',
        parent: fromObject,
        parentRelation: fromRelation ?? '',
        tupleset,
        object,
        relation,
      };
    }
  }
}

/** A sentence with the relationship that it rests on. */
export function sentence(link: Link): string {
  switch (link.kind) {
    case 'tuple':
      return `${link.user} is ${link.relation} of ${link.object}: relationship "${link.user} ${link.relation} ${link.object}".`;
    case 'computed':
      return `${link.from} of ${link.object} are also its ${link.relation}: by the model.`;
    case 'from':
      return `${link.parentRelation} of ${link.parent} are ${link.relation} of ${link.object}: by the model and the relationship "${link.parent} ${link.tupleset} ${link.object}".`;
  }
}
