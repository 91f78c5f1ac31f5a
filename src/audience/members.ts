import type { Model } from '../evaluator/model.ts';
import type { Relation, Rewrite } from '../evaluator/relation.ts';
import { parseSubject, typeOf } from '../evaluator/subject.ts';
import type { Relationships } from '../ports/engine.ts';
import type { Members, Membership } from '../ports/members.ts';
import type { Tuple } from '../types/tuple.ts';

/** People whom one entry may stand for, and objects whose relationships are read to find them. */
const MAX_PEOPLE = 100;
const MAX_OBJECTS = 100;

type Userset = { readonly object: string; readonly relation: Relation };

/**
 * Reads who is in a group from the relationships themselves: a list of users, as engines give it, ends without a word where it took
 * too long, and whoever is left out would not be asked about. What only takes members away is passed over, so nobody is missed.
 */
export function membersBy(model: Model, relationships: Pick<Relationships, 'ofObject'>): Members {
  return {
    async of(tenant, entry) {
      const { object, relation: name, isWildcard, type } = parseSubject(entry);
      if (isWildcard) return { kind: 'too_many' };
      const relations = model.types.get(type);
      if (relations === undefined) return { kind: 'nobody' };
      if (name === undefined) return { kind: 'people', people: [entry], exact: true };
      const relation = relations.get(name);
      if (relation === undefined) return { kind: 'nobody' };
      return expand(model, { object, relation }, (of) => relationships.ofObject(tenant, of));
    },
  };
}

async function expand(
  model: Model,
  start: Userset,
  tuplesOn: (object: string) => Promise<readonly Tuple[]>,
): Promise<Membership> {
  const people = new Set<string>();
  const read = new Map<string, readonly Tuple[]>();
  const usersets = new Map([[keyOf(start), start]]);
  let exact = true;

  const tuples = async (object: string, relation: Relation) => {
    const known = read.get(object) ?? (await tuplesOn(object));
    read.set(object, known);
    return known.filter((tuple) => tuple.relation === relation.name);
  };
  const enter = (userset: Userset) => {
    const key = keyOf(userset);
    if (!usersets.has(key)) usersets.set(key, userset);
  };
  /** False where it leads to more than can be asked about. */
  const follow = async (rewrite: Rewrite, { object, relation }: Userset): Promise<boolean> => {
    switch (rewrite.kind) {
      case 'direct':
        for (const { user, condition } of await tuples(object, relation)) {
          if (condition !== undefined) exact = false;
          const subject = parseSubject(user);
          if (subject.isWildcard) return false;
          const next = model.types.get(subject.type)?.get(subject.relation ?? '');
          if (subject.relation === undefined) people.add(user);
          else if (next !== undefined) enter({ object: subject.object, relation: next });
        }
        return true;
      case 'computed':
        enter({ object, relation: rewrite.relation });
        return true;
      case 'from':
        for (const { user, condition } of await tuples(object, rewrite.tupleset)) {
          if (condition !== undefined) exact = false;
          const target = rewrite.targets.get(typeOf(user));
          if (target !== undefined) enter({ object: parseSubject(user).object, relation: target });
        }
        return true;
      case 'union':
        for (const child of rewrite.children) {
          if (!(await follow(child, { object, relation }))) return false;
        }
        return true;
      case 'intersection': {
        exact = false;
        const [any] = rewrite.children;
        return any === undefined || follow(any, { object, relation });
      }
      case 'exclusion':
        exact = false;
        return follow(rewrite.base, { object, relation });
    }
  };
  // The map grows while it is read.
  for (const userset of usersets.values()) {
    if (!(await follow(userset.relation.rewrite, userset))) return { kind: 'too_many' };
    if (people.size > MAX_PEOPLE || read.size > MAX_OBJECTS) return { kind: 'too_many' };
  }
  return people.size === 0 ? { kind: 'nobody' } : { kind: 'people', people: [...people], exact };
}

const keyOf = ({ object, relation }: Userset) => `${object}#${relation.name}`;
