import { childrenOf } from '../evaluator/compile.ts';
import type { Model } from '../evaluator/model.ts';
import type { Relation, Rewrite } from '../evaluator/relation.ts';
import { parseSubject, typeOf } from '../evaluator/subject.ts';
import type { Tuple, TupleKey } from '../types/tuple.ts';

/** Relations on objects that are looked at, from the one asked about on. */
const MOST_LOOKED_AT = 500;

type Point = { readonly object: string; readonly relation: Relation };

/**
 * Relationships each of which alone would lead to `claim`, those nearest to its object first: from the user, or from what the
 * user has already. Where a relation needs several things at once (`and`), one of them may not be enough.
 */
export async function missingLinks(
  model: Model,
  claim: TupleKey,
  /** Usersets that the user is in, `group:eng#member`. */
  usersets: readonly string[],
  tuplesOn: (object: string) => Promise<readonly Tuple[]>,
): Promise<readonly TupleKey[]> {
  const first = model.types.get(typeOf(claim.object))?.get(claim.relation);
  if (first === undefined) return [];
  const found = new Map<string, TupleKey>();
  const points: Point[] = [{ object: claim.object, relation: first }];
  const seen = new Set<string>();
  // The list grows while it is read.
  for (const { object, relation } of points) {
    const name = `${object}#${relation.name}`;
    if (seen.has(name) || seen.size === MOST_LOOKED_AT) continue;
    seen.add(name);
    const tuples = await tuplesOn(object);
    for (const leaf of leavesOf(relation.rewrite)) {
      if (leaf.kind === 'direct') {
        for (const user of [claim.user, ...usersets]) {
          if (mayName(relation, user))
            found.set(`${user} ${name}`, { user, relation: relation.name, object });
        }
      }
      points.push(...beforeIt(model, object, relation, leaf, tuples));
    }
  }
  return [...found.values()];
}

/** What leads to a relation on an object by the relationships that there are. */
function beforeIt(
  model: Model,
  object: string,
  relation: Relation,
  leaf: Rewrite,
  tuples: readonly Tuple[],
): readonly Point[] {
  const named = (by: Relation) => tuples.filter((tuple) => tuple.relation === by.name);
  switch (leaf.kind) {
    case 'computed':
      return [{ object, relation: leaf.relation }];
    case 'from':
      return named(leaf.tupleset).flatMap(({ user }) => {
        const target = leaf.targets.get(typeOf(user));
        return target === undefined ? [] : [{ object: user, relation: target }];
      });
    case 'direct':
      return named(relation).flatMap(({ user }) => {
        const { object: of, relation: name } = parseSubject(user);
        const target = model.types.get(typeOf(of))?.get(name ?? '');
        return target === undefined ? [] : [{ object: of, relation: target }];
      });
    default:
      return [];
  }
}

function mayName({ restrictions }: Relation, user: string): boolean {
  const { object, relation } = parseSubject(user);
  return restrictions.some(
    (one) => one.type === typeOf(object) && one.relation === relation && !one.wildcard,
  );
}

/** What is taken away leads nowhere. */
function leavesOf(rewrite: Rewrite): readonly Rewrite[] {
  if (rewrite.kind === 'exclusion') return leavesOf(rewrite.base);
  const children = childrenOf(rewrite);
  return children.length === 0 ? [rewrite] : children.flatMap(leavesOf);
}
