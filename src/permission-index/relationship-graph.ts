import type { Relation } from '../evaluator/relation.ts';
import { parseSubject, typeOf } from '../evaluator/subject.ts';
import type { TupleKey } from '../types/tuple.ts';
import { type Edges, each, withEdge, withoutEdge } from './edges.ts';
import type { Plan } from './plan.ts';

/**
 * A relation on an object, or an object by itself, as one number: the object's, times the number of relations plus one, plus
 * the relation's. That is what a tuple can name as its user.
 */
export type Node = number;

/**
 * A tenant's tuples, from who is named to where: only those that the plan can use. Conditions are left out, for in the index
 * they count as met.
 */
export class RelationshipGraph {
  readonly plan: Plan;
  readonly #stride: number;
  readonly #ids = new Map<string, number>();
  readonly #names: string[] = [];
  /** By the user of the tuple: the relations on objects that it is given. */
  readonly #grants = new Map<Node, Edges>();
  /** By a parent and a tupleset: the objects that name it. */
  readonly #children = new Map<Node, Edges>();
  /** By a document that is only ever the last step: its tuples, each as the user's node times the stride plus the relation. */
  readonly #onDocuments = new Map<number, Edges>();

  constructor(plan: Plan) {
    this.plan = plan;
    this.#stride = plan.model.relations.length + 1;
  }

  add(tuple: TupleKey): void {
    this.#change(tuple, withEdge);
  }

  delete(tuple: TupleKey): void {
    this.#change(tuple, withoutEdge);
  }

  #change(
    { user, relation, object }: TupleKey,
    edit: (edges: Edges | undefined, edge: number) => Edges | undefined,
  ): void {
    const { consequences, tuplesets } = this.plan;
    const target = this.#relation(object, relation);
    if (target === undefined) return;
    const grants = consequences[target.index]?.direct !== undefined;
    const leads = tuplesets.has(target);
    if (!grants && !leads) return;
    const named = this.#userNode(user);
    if (named === undefined) return;
    const id = this.intern(object);
    if (this.plan.leaf !== undefined && target.type === this.plan.guarded.type) {
      const tuple = named * this.#stride + target.index;
      put(this.#onDocuments, id, edit(this.#onDocuments.get(id), tuple));
    }
    if (grants) put(this.#grants, named, edit(this.#grants.get(named), this.node(id, target)));
    // A tupleset names whole objects: what is before `#`, should an older model have let it name more.
    if (!leads || !this.isObject(named)) return;
    const parent = named - this.#stride + 1 + target.index;
    put(this.#children, parent, edit(this.#children.get(parent), id));
  }

  #relation(object: string, relation: string): Relation | undefined {
    return this.plan.model.types.get(typeOf(object))?.get(relation);
  }

  #userNode(user: string): Node | undefined {
    const subject = parseSubject(user);
    if (subject.relation === undefined) return this.objectNode(this.intern(user));
    const relation = this.#relation(subject.object, subject.relation);
    return relation && this.node(this.intern(subject.object), relation);
  }

  intern(object: string): number {
    const known = this.#ids.get(object);
    if (known !== undefined) return known;
    this.#ids.set(object, this.#names.length);
    return this.#names.push(object) - 1;
  }

  idOf(object: string): number | undefined {
    return this.#ids.get(object);
  }

  nameOf(id: number): string {
    return this.#names[id] ?? '';
  }

  node(id: number, relation: Relation): Node {
    return id * this.#stride + relation.index;
  }

  objectNode(id: number): Node {
    return (id + 1) * this.#stride - 1;
  }

  isObject(node: Node): boolean {
    return node % this.#stride === this.#stride - 1;
  }

  objectOf(node: Node): number {
    return Math.floor(node / this.#stride);
  }

  /** Undefined for an object by itself. */
  relationOf(node: Node): Relation | undefined {
    return this.plan.model.relations[node % this.#stride];
  }

  /** Relations on objects that a tuple gives to this user. */
  grantedTo(user: Node): Iterable<Node> {
    return each(this.#grants.get(user));
  }

  /** A document's own tuples, where documents are only ever the last step. */
  *tuplesOn(id: number): Iterable<{ readonly user: Node; readonly relation: Relation }> {
    for (const tuple of each(this.#onDocuments.get(id))) {
      const relation = this.relationOf(tuple);
      if (relation !== undefined) yield { user: Math.floor(tuple / this.#stride), relation };
    }
  }

  /** Objects that name this one by the tupleset. */
  childrenOf(id: number, tupleset: Relation): Iterable<number> {
    return each(this.#children.get(this.node(id, tupleset)));
  }
}

function put(edges: Map<Node, Edges>, node: Node, changed: Edges | undefined): void {
  if (changed === undefined) edges.delete(node);
  else edges.set(node, changed);
}
