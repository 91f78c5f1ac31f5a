import type { RewriteJson, TypeDefinitionJson } from './model-json.ts';

type Types = ReadonlyMap<string, TypeDefinitionJson>;

/** Whether a relation that was come by has an entry point itself; a set of names by type. */
type Visited = ReadonlyMap<string, Map<string, boolean>>;

/**
 * Whether some object could ever have the relation: an intersection or exclusion needs a way in for each
 * operand, a union for one. As on a server, what was visited for one operand counts as visited for the
 * next one where their type is the same (its maps are copied only at the top), so some models that would
 * have a way in are refused.
 */
export function canHaveMembers(types: Types, type: string, relation: string): boolean {
  return rewriteHasMembers(types, type, relation, types.get(type)?.relations?.[relation], new Map());
}

function rewriteHasMembers(
  types: Types,
  type: string,
  relation: string,
  rewrite: RewriteJson | undefined,
  visited: Visited,
): boolean {
  if (!rewrite) return false;
  const seen = new Map(visited);
  const own = seen.get(type) ?? new Map<string, boolean>();
  seen.set(type, own.set(relation, false));

  const operand = (part: RewriteJson) => rewriteHasMembers(types, type, relation, part, visited);
  const enter = (otherType: string, name: string) =>
    rewriteHasMembers(types, otherType, name, types.get(otherType)?.relations?.[name], seen);
  const restrictions = (name: string) =>
    types.get(type)?.metadata?.relations?.[name]?.directly_related_user_types ?? [];

  if (rewrite.computedUserset) {
    const { relation: name } = rewrite.computedUserset;
    return own.get(name) ?? enter(type, name);
  }
  if (rewrite.tupleToUserset) {
    const { relation: name } = rewrite.tupleToUserset.computedUserset;
    return restrictions(rewrite.tupleToUserset.tupleset.relation).some(
      (parent) =>
        types.get(parent.type)?.relations?.[name] !== undefined &&
        (seen.get(parent.type)?.get(name) ?? enter(parent.type, name)),
    );
  }
  if (rewrite.union) return rewrite.union.child.some(operand);
  if (rewrite.intersection) return rewrite.intersection.child.every(operand);
  if (rewrite.difference) return operand(rewrite.difference.base) && operand(rewrite.difference.subtract);
  return restrictions(relation).some((user) => {
    if (user.relation !== undefined)
      return !seen.get(user.type)?.has(user.relation) && enter(user.type, user.relation);
    own.set(relation, true);
    return true;
  });
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
