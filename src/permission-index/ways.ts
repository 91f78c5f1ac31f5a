import type { Link } from '../types/link.ts';
import { linkOf } from './explain.ts';
import type { Node, RelationshipGraph } from './relationship-graph.ts';
import { type Step, startsOf, walk } from './walk.ts';

/**
 * One shortest way from a reader to each of the documents that they may find, as the relationships were when this was made. Where
 * documents are only ever the last step, none of them is walked: the way to one is found from its own tuples.
 */
export class Ways {
  readonly #graph: RelationshipGraph;
  readonly #starts: ReadonlySet<Node>;
  /** The first step to each node that is not such a document's. */
  readonly #first = new Map<Node, Step>();

  constructor(graph: RelationshipGraph, reader: string, maxSteps: number) {
    this.#graph = graph;
    this.#starts = new Set(startsOf(graph, reader));
    walk(graph, reader, undefined, {
      maxSteps,
      trace: (step) => {
        if (!this.#first.has(step.to)) this.#first.set(step.to, step);
      },
    });
  }

  /** Of how many steps it is made. */
  get size(): number {
    return this.#first.size;
  }

  /** Usersets that the reader is in: `group:eng#member`. Not those that take several things at once: a step to one is not all of them. */
  usersets(): readonly string[] {
    const { consequences } = this.#graph.plan;
    return [...this.#first.keys()].flatMap((node) => {
      const relation = this.#graph.relationOf(node);
      if (relation === undefined || consequences[relation.index]?.formula !== undefined) return [];
      return [`${this.#graph.nameOf(this.#graph.objectOf(node))}#${relation.name}`];
    });
  }

  /** Undefined where it knows none. What needs several things at once is shown by one of them: it names what to ask about. */
  to(object: string): readonly Link[] | undefined {
    const id = this.#graph.idOf(object);
    if (id === undefined) return undefined;
    const last = this.#graph.plan.leaf === undefined ? this.#first : this.#onDocument(id);
    const links: Link[] = [];
    let node = this.#graph.node(id, this.#graph.plan.guarded);
    for (let step = last.get(node); step !== undefined; step = last.get(node) ?? this.#first.get(node)) {
      links.unshift(linkOf(this.#graph, step));
      node = step.from;
    }
    return this.#starts.has(node) ? links : undefined;
  }

  /** The steps within a document, from its own tuples on. What needs fewer relationships comes first, and stays. */
  #onDocument(id: number): ReadonlyMap<Node, Step> {
    const graph = this.#graph;
    const { consequences } = graph.plan;
    const last = new Map<Node, Step>();
    const enter = (step: Step) => {
      if (last.has(step.to)) return;
      last.set(step.to, step);
      const relation = graph.relationOf(step.to);
      for (const input of (relation && consequences[relation.index]?.computed) ?? [])
        enter({ kind: 'computed', from: step.to, to: graph.node(id, input.relation) });
    };
    for (const step of this.#intoDocument(id)) enter(step);
    return last;
  }

  #intoDocument(id: number): readonly Step[] {
    const graph = this.#graph;
    const { consequences, guarded, model } = graph.plan;
    const steps: Step[] = [];
    for (const { user, relation } of graph.tuplesOn(id)) {
      if (consequences[relation.index]?.direct !== undefined && this.#isReached(user))
        steps.push({ kind: 'tuple', from: user, to: graph.node(id, relation) });
      if (!graph.isObject(user)) continue;
      const parent = graph.objectOf(user);
      const type = graph.nameOf(parent).split(':', 1)[0] ?? '';
      for (const held of model.types.get(type)?.values() ?? []) {
        const from = graph.node(parent, held);
        if (!this.#first.has(from)) continue;
        for (const { tupleset, input } of consequences[held.index]?.from ?? []) {
          if (tupleset === relation && input.relation.type === guarded.type)
            steps.push({ kind: 'from', from, to: graph.node(id, input.relation), tupleset });
        }
      }
    }
    return steps.toSorted((a, b) => this.#distance(a.from) - this.#distance(b.from));
  }

  #isReached(node: Node): boolean {
    return this.#starts.has(node) || this.#first.has(node);
  }

  /** Relationships on the way to a node. */
  #distance(node: Node): number {
    let relationships = 0;
    for (let step = this.#first.get(node); step !== undefined; step = this.#first.get(step.from)) {
      if (step.kind !== 'computed') relationships += 1;
    }
    return relationships;
  }
}
