import type { Relation } from '../evaluator/relation.ts';
import { typeOf } from '../evaluator/subject.ts';
import type { ProofRules } from './rules.ts';

/**
 * A relation that a relationship of the user gives `relation` by, whatever else there is: one that is made up for one question puts
 * a made-up object on the list that answers it. Undefined where there is none, or where a list may hold what a check denies.
 */
export function markOf({ isEnough }: ProofRules, relation: Relation, user: string): string | undefined {
  if (relation.mayExclude) return undefined;
  // The list grows while it is read.
  const enough = [relation];
  for (const { name, rewrite, restrictions } of enough) {
    const takes = restrictions.some(
      (one) =>
        one.type === typeOf(user) &&
        !one.wildcard &&
        one.relation === undefined &&
        one.condition === undefined,
    );
    if (takes && isEnough(({ kind }) => kind === 'direct', rewrite)) return name;
    isEnough((leaf) => {
      if (leaf.kind === 'computed' && !enough.includes(leaf.relation)) enough.push(leaf.relation);
      return false;
    }, rewrite);
  }
  return undefined;
}
