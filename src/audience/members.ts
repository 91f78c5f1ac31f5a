import type { Model } from '../evaluator/model.ts';
import type { Relation, Rewrite } from '../evaluator/relation.ts';
import { parseSubject, typeOf } from '../evaluator/subject.ts';
import type { Relationships } from '../ports/engine.ts';
import type { Members, Membership } from '../ports/members.ts';
import type { Tuple } from '../types/tuple.ts';

/** People whom one entry may stand for, and objects whose relationships are read to find them. */
const MAX_PEOPLE = 100;
const MAX_OBJECTS = 100;
/** Of one relation of an object, each to a person or to an object to be read: more are too many in any case. */
const MAX_RELATIONSHIPS = MAX_PEOPLE + MAX_OBJECTS;

type Userset = { readonly object: string; readonly relation: Relation };

/**
 * Reads who is in a group from the relationships themselves: a list of users, as engines give it, ends without a word where it took
 * too long, and whoever is left out would not be asked about. What only takes members away is passed over, so nobody is missed.
 */
export function membersBy(
  model: Model,
  guardedType: string,
  relationships: Pick<Relationships, 'ofRelation'>,
): Members {
  const subjects = subjectsOf(model, guardedType);
  return {
    async of(tenant, entry, signal) {
      const { object, relation: name, isWildcard, type, label } = parseSubject(entry);
      if (isWildcard) return { kind: 'too_many' };
      if (!subjects.has(label)) return { kind: 'nobody' };
      if (name === undefined) return { kind: 'people', people: [entry], exact: true };
      const relation = model.types.get(type)?.get(name);
      if (relation === undefined) return { kind: 'nobody' };
      return expand(model, { object, relation }, (of) =>
        relationships.ofRelation(tenant, of, MAX_RELATIONSHIPS + 1, signal),
      );
    },
  };
}

/**
 * What the model lets relationships be given to, as `group#member`. Not of the guarded type: an answer for the readers of a document
 * would tell of one that is forbidden whether it is there, and who reads it.
 */
function subjectsOf({ relations }: Model, guardedType: string): ReadonlySet<string> {
  const restrictions = relations.flatMap((relation) => relation.restrictions);
  return new Set(
    restrictions
      .filter(({ type }) => type !== guardedType)
      .map(({ type, relation }) => (relation === undefined ? type : `${type}#${relation}`)),
  );
}

async function expand(
  model: Model,
  start: Userset,
  tuplesOf: (of: Pick<Tuple, 'object' | 'relation'>) => Promise<readonly Tuple[]>,
): Promise<Membership> {
  const people = new Set<string>();
  const objects = new Set<string>();
  const read = new Map<string, readonly Tuple[]>();
  const usersets = new Map([[keyOf(start), start]]);
  let exact = true;

  const tuples = async (of: Userset) => {
    const { object, relation } = of;
    const found = read.get(keyOf(of)) ?? (await tuplesOf({ object, relation: relation.name }));
    read.set(keyOf(of), found);
    objects.add(object);
    return found;
  };
  const enter = (userset: Userset) => {
    const key = keyOf(userset);
    if (!usersets.has(key)) usersets.set(key, userset);
  };
  /** False where it leads to more than can be asked about. */
  const follow = async (rewrite: Rewrite, { object, relation }: Userset): Promise<boolean> => {
    switch (rewrite.kind) {
      case 'direct': {
        const found = await tuples({ object, relation });
        if (found.length > MAX_RELATIONSHIPS) return false;
        for (const { user, condition } of found) {
          if (condition !== undefined) exact = false;
          const subject = parseSubject(user);
          if (subject.isWildcard) return false;
          const next = model.types.get(subject.type)?.get(subject.relation ?? '');
          if (subject.relation === undefined) people.add(user);
          else if (next !== undefined) enter({ object: subject.object, relation: next });
        }
        return true;
      }
      case 'computed':
        enter({ object, relation: rewrite.relation });
        return true;
      case 'from': {
        const found = await tuples({ object, relation: rewrite.tupleset });
        if (found.length > MAX_RELATIONSHIPS) return false;
        for (const { user, condition } of found) {
          if (condition !== undefined) exact = false;
          const target = rewrite.targets.get(typeOf(user));
          if (target !== undefined) enter({ object: parseSubject(user).object, relation: target });
        }
        return true;
      }
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
    if (people.size > MAX_PEOPLE || objects.size > MAX_OBJECTS) return { kind: 'too_many' };
  }
  return people.size === 0 ? { kind: 'nobody' } : { kind: 'people', people: [...people], exact };
}

const keyOf = ({ object, relation }: Userset) => `${object}#${relation.name}`;
