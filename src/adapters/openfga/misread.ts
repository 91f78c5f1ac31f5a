import { childrenOf } from '../../evaluator/compile.ts';
import type { Model } from '../../evaluator/model.ts';
import type { Relation, Rewrite } from '../../evaluator/relation.ts';

/**
 * Relations of which OpenFGA 1.22.1 allows more than the model does: its strategy for a relation that leads to itself forgets
 * by which other ways it may be led on. Both found by the differential test.
 */
export function misreadRelations(model: Model): readonly string[] {
  return model.relations
    .filter((relation) => takesOtherUsersets(model, relation) || takesOtherParents(model, relation))
    .map(nameOf);
}

/**
 * Of `define member: [user, group#member, group#guest]` it takes `group:1#guest` for `group:1#member`, where one who may be a
 * member can never be a guest.
 */
function takesOtherUsersets(model: Model, relation: Relation): boolean {
  const own = relation.usersetRestrictions.filter(({ type }) => type === relation.type);
  if (!own.some((userset) => userset.relation === relation.name)) return false;
  return own.some((userset) => {
    const other = model.types.get(userset.type)?.get(userset.relation ?? '');
    return other !== undefined && isBeyondSome(relation, other);
  });
}

/**
 * Of `define viewer: [user] or viewer from parent` on a folder whose parent may be a folder or a site, it goes on to the
 * site's own parents, where whoever may be a viewer of a folder can never be one of a site.
 */
function takesOtherParents(model: Model, relation: Relation): boolean {
  return fromLeaves(relation.rewrite).some(
    ({ tupleset, targets }) =>
      targets.get(relation.type) === relation &&
      [...targets].some(
        ([type, other]) =>
          other !== relation &&
          model.types.get(type)?.has(tupleset.name) === true &&
          isBeyondSome(relation, other),
      ),
  );
}

function fromLeaves(rewrite: Rewrite): readonly Extract<Rewrite, { kind: 'from' }>[] {
  return rewrite.kind === 'from' ? [rewrite] : childrenOf(rewrite).flatMap(fromLeaves);
}

/** Whether some who may have the relation could never have the other one. */
function isBeyondSome(relation: Relation, other: Relation): boolean {
  return [...relation.reachableFrom].some((label) => !label.includes('#') && !other.reachableFrom.has(label));
}

function nameOf({ type, name }: Relation): string {
  return `${type}#${name}`;
}
