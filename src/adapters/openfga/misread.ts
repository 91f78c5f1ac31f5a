import type { Model } from '../../evaluator/model.ts';
import type { Relation } from '../../evaluator/relation.ts';

/**
 * Relations of which OpenFGA 1.22.1 allows more than the model does. Of `define member: [user, group#member, group#guest]`
 * it takes `group:1#guest` for `group:1#member`, where one who may be a member can never be a guest: its strategy for a
 * relation that names itself forgets which relation a userset is of. Found by the differential test.
 */
export function misreadRelations(model: Model): readonly string[] {
  return model.relations.filter((relation) => isMisread(model, relation)).map(nameOf);
}

function isMisread(model: Model, relation: Relation): boolean {
  const own = relation.usersetRestrictions.filter(({ type }) => type === relation.type);
  if (!own.some((userset) => userset.relation === relation.name)) return false;
  const askers = [...relation.reachableFrom].filter((label) => !label.includes('#'));
  return own.some((userset) => {
    const other = model.types.get(userset.type)?.get(userset.relation ?? '');
    return other !== undefined && askers.some((asker) => !other.reachableFrom.has(asker));
  });
}

function nameOf({ type, name }: Relation): string {
  return `${type}#${name}`;
}
