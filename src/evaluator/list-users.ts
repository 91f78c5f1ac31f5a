import { EvaluationError } from './errors.ts';
import { type FoundUser, intersect, subtract, unite } from './found-users.ts';
import type { Model } from './model.ts';
import type { Relation, Rewrite } from './relation.ts';
import { MAX_DEPTH, tooDeep } from './resolution.ts';
import type { TupleReader } from './tuple-reader.ts';

/** Whom to look for: a type's objects and wildcard, or with a relation its usersets. */
export type UserFilter = { readonly type: string; readonly relation?: string | undefined };

/** The users found below one `object#relation`. */
type Expansion = {
  readonly found: readonly FoundUser[];
  /** A cycle that the subtracted side of a `but not` would deny everything for. */
  readonly hasCycle: boolean;
  readonly errors: readonly EvaluationError[];
  /** Whether some question below was already being asked, so that the answer depends on the path. */
  readonly metCycle: boolean;
  readonly height: number;
};

const nothing: Expansion = { found: [], hasCycle: false, errors: [], metCycle: false, height: 0 };

/**
 * Finds the users of one object as OpenFGA's ListUsers does. Other than in a check, a computed relation
 * takes a hop, and only a `but not` whose subtracted side is itself a cycle is affected by cycles.
 */
export class UserLister {
  readonly #model: Model;
  readonly #reader: TupleReader;
  readonly #filter: UserFilter;
  readonly #path = new Set<string>();
  readonly #memo = new Map<string, Expansion>();

  constructor(model: Model, reader: TupleReader, filter: UserFilter) {
    this.#model = model;
    this.#reader = reader;
    this.#filter = filter;
  }

  /** Throws `EvaluationError`. */
  list(relation: Relation, object: string): string[] {
    const isItself = relation.type === this.#filter.type && relation.name === this.#filter.relation;
    if (!isItself && !leadsTo(this.#model, relation, relation.rewrite, this.#filter, new Set([relation])))
      return [];
    const { found, errors } = this.#expand(relation, object, 0);
    const [error] = errors;
    if (error) throw error;
    const users = new Map(found.map((user) => [user.user, user.isRelated]));
    return [...users].flatMap(([user, isRelated]) => (isRelated ? [user] : []));
  }

  #expand(relation: Relation, object: string, depth: number): Expansion {
    if (depth >= MAX_DEPTH) return { ...nothing, errors: [depthError], metCycle: true };
    const key = `${object}#${relation.name}`;
    if (this.#path.has(key)) return { ...nothing, hasCycle: true, metCycle: true };
    const known = this.#memo.get(key);
    if (known && depth + known.height < MAX_DEPTH) return known;

    this.#path.add(key);
    const below = this.#rewrite(relation, object, relation.rewrite, depth + 1);
    this.#path.delete(key);
    const isItself = relation.type === this.#filter.type && relation.name === this.#filter.relation;
    const itself: FoundUser[] = isItself ? [{ user: key, isRelated: true, excluded: [] }] : [];
    const expansion = { ...below, found: [...itself, ...below.found], height: below.height + 1 };
    if (!expansion.metCycle) this.#memo.set(key, expansion);
    return expansion;
  }

  #rewrite(relation: Relation, object: string, rewrite: Rewrite, depth: number): Expansion {
    const child = (part: Rewrite) => this.#rewrite(relation, object, part, depth);
    switch (rewrite.kind) {
      case 'direct':
        return this.#direct(relation, object, depth);
      case 'computed':
        return this.#expand(rewrite.relation, object, depth);
      case 'from':
        return this.#from(rewrite.tupleset, rewrite.targets, object, depth);
      case 'union': {
        const parts = rewrite.children.map(child);
        return { ...merged(parts), found: unite(parts.map(({ found }) => found)), hasCycle: false };
      }
      case 'intersection': {
        const parts = rewrite.children.map(child);
        const found = intersect(
          parts.map((part) => part.found),
          wildcardOf(this.#filter),
        );
        return { ...merged(parts), found, hasCycle: false };
      }
      default: {
        const base = child(rewrite.base);
        const subtracted = child(rewrite.subtract);
        const both = merged([base, subtracted]);
        if (subtracted.hasCycle) return { ...both, found: [], errors: [], hasCycle: false };
        return {
          ...both,
          found: subtract(base.found, subtracted.found, wildcardOf(this.#filter)),
          hasCycle: false,
        };
      }
    }
  }

  #direct(relation: Relation, object: string, depth: number): Expansion {
    const { usable, errors } = this.#reader.metAndErrors(
      relation,
      this.#reader.entries(object, relation)?.all ?? [],
    );
    const found: FoundUser[] = [];
    const below: Expansion[] = [];
    for (const { subject } of usable) {
      if (subject.relation !== undefined) {
        const target = this.#model.types.get(subject.type)?.get(subject.relation);
        if (target) below.push(this.#expand(target, subject.object, depth));
      } else if (subject.type === this.#filter.type) {
        found.push({ user: subject.text, isRelated: true, excluded: [] });
      }
    }
    const rest = merged(below);
    return { ...rest, found: [...found, ...rest.found], errors: [...errors, ...rest.errors] };
  }

  #from(
    tupleset: Relation,
    targets: ReadonlyMap<string, Relation>,
    object: string,
    depth: number,
  ): Expansion {
    const entries = this.#reader.entries(object, tupleset)?.all ?? [];
    const { usable, errors } = this.#reader.metAndErrors(tupleset, entries);
    const below: Expansion[] = [];
    for (const { subject } of usable) {
      const target = targets.get(subject.type);
      if (target) below.push(this.#expand(target, subject.object, depth));
    }
    const rest = merged(below);
    return { ...rest, errors: [...errors, ...rest.errors], hasCycle: false };
  }
}

const depthError = tooDeep.error ?? new EvaluationError('resolution_too_complex', 'too many hops');

function merged(parts: readonly Expansion[]): Expansion {
  if (parts.length === 0) return nothing;
  return {
    found: parts.flatMap(({ found }) => found),
    hasCycle: parts.some(({ hasCycle }) => hasCycle),
    errors: parts.flatMap(({ errors }) => errors).slice(0, 1),
    metCycle: parts.some(({ metCycle }) => metCycle),
    height: Math.max(...parts.map(({ height }) => height)),
  };
}

function wildcardOf({ type }: UserFilter): string {
  return `${type}:*`;
}

/** Whether the filter's users can come in at all; of `and` and `but not` the first operand tells. */
function leadsTo(
  model: Model,
  relation: Relation,
  rewrite: Rewrite,
  filter: UserFilter,
  seen: Set<Relation>,
): boolean {
  const follow = (next: Relation | undefined): boolean => {
    if (!next) return false;
    if (next.type === filter.type && next.name === filter.relation) return true;
    if (seen.has(next)) return false;
    seen.add(next);
    return leadsTo(model, next, next.rewrite, filter, seen);
  };
  switch (rewrite.kind) {
    case 'direct':
      return relation.restrictions.some(
        (user) =>
          (user.type === filter.type && (user.wildcard || user.relation === filter.relation)) ||
          (user.relation !== undefined && follow(model.types.get(user.type)?.get(user.relation))),
      );
    case 'computed':
      return follow(rewrite.relation);
    case 'from':
      return [...rewrite.targets.values()].some(follow);
    case 'union':
      return rewrite.children.some((child) => leadsTo(model, relation, child, filter, seen));
    case 'intersection':
      return rewrite.children.slice(0, 1).some((child) => leadsTo(model, relation, child, filter, seen));
    default:
      return leadsTo(model, relation, rewrite.base, filter, seen);
  }
}
