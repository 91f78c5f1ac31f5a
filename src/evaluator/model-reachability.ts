import type { RewriteJson, TypeDefinitionJson } from './model-json.ts';

type Types = ReadonlyMap<string, TypeDefinitionJson>;

/**
 * Whether some object could ever have the relation. Every operand of an intersection or exclusion must
 * have a way in, one operand of a union; a way that leads back to where it came from is none.
 */
export function canHaveMembers(types: Types, type: string, relation: string): boolean {
  return rewriteHasMembers(types, type, relation, types.get(type)?.relations?.[relation], new Set());
}

function rewriteHasMembers(
  types: Types,
  type: string,
  relation: string,
  rewrite: RewriteJson | undefined,
  seen: ReadonlySet<string>,
): boolean {
  if (!rewrite) return false;
  const here = new Set(seen).add(`${type}#${relation}`);
  const child = (part: RewriteJson) => rewriteHasMembers(types, type, relation, part, seen);
  const other = (otherType: string, name: string) =>
    !here.has(`${otherType}#${name}`) &&
    rewriteHasMembers(types, otherType, name, types.get(otherType)?.relations?.[name], here);
  const restrictions = (name: string) =>
    types.get(type)?.metadata?.relations?.[name]?.directly_related_user_types ?? [];

  if (rewrite.computedUserset) return other(type, rewrite.computedUserset.relation);
  if (rewrite.tupleToUserset) {
    const { relation: target } = rewrite.tupleToUserset.computedUserset;
    return restrictions(rewrite.tupleToUserset.tupleset.relation).some((parent) => other(parent.type, target));
  }
  if (rewrite.union) return rewrite.union.child.some(child);
  if (rewrite.intersection) return rewrite.intersection.child.every(child);
  if (rewrite.difference) return child(rewrite.difference.base) && child(rewrite.difference.subtract);
  return restrictions(relation).some((user) => user.relation === undefined || other(user.type, user.relation));
}

/** Whether computed relations of one object lead from the relation back to itself. */
export function isComputedFromItself(types: Types, type: string, relation: string): boolean {
  const relations = types.get(type)?.relations ?? {};
  const leadsBack = (rewrite: RewriteJson | undefined, seen: ReadonlySet<string>): boolean => {
    if (!rewrite) return false;
    const next = rewrite.computedUserset?.relation;
    if (next !== undefined) return seen.has(next) || leadsBack(relations[next], new Set(seen).add(next));
    const children =
      rewrite.union?.child ??
      rewrite.intersection?.child ??
      (rewrite.difference ? [rewrite.difference.base, rewrite.difference.subtract] : []);
    return children.some((child) => leadsBack(child, seen));
  };
  return leadsBack(relations[relation], new Set([relation]));
}
