import { ModelError } from './errors.ts';
import type { AuthorizationModelJson, RelationReferenceJson, RewriteJson } from './model-json.ts';
import type { Relation, Restriction, Rewrite } from './relation.ts';

type Draft = { -readonly [K in keyof Relation]: Relation[K] };
type ByTypeAndName<R> = ReadonlyMap<string, ReadonlyMap<string, R>>;
type Drafts = ByTypeAndName<Draft>;

/** Relations by type and name. The model has been found valid. */
export function compileRelations(json: AuthorizationModelJson): Drafts {
  let index = 0;
  const types = new Map(
    json.type_definitions.map((definition) => {
      const drafts = Object.keys(definition.relations ?? {}).map((name): [string, Draft] => {
        const references = definition.metadata?.relations?.[name]?.directly_related_user_types ?? [];
        return [name, draft(index++, definition.type, name, references.map(restriction))];
      });
      return [definition.type, new Map(drafts)] as const;
    }),
  );

  for (const definition of json.type_definitions) {
    for (const [name, rewrite] of Object.entries(definition.relations ?? {})) {
      const relation = find(types, definition.type, name);
      relation.rewrite = compileRewrite(types, definition.type, rewrite);
      for (const tupleset of tuplesetsOf(relation.rewrite))
        find(types, definition.type, tupleset.name).isTupleset = true;
    }
  }
  const all = [...types.values()].flatMap((relations) => [...relations.values()]);
  for (const relation of all) {
    const closure = closureOf(types, relation);
    relation.mayExclude = [...closure].some(({ rewrite }) => containsExclusion(rewrite));
    relation.reachableFrom = new Set([...closure].flatMap((member) => labelsOf(member)));
  }
  return types;
}

function draft(index: number, type: string, name: string, restrictions: readonly Restriction[]): Draft {
  return {
    index,
    type,
    name,
    restrictions,
    usersetRestrictions: restrictions.filter(({ relation }) => relation !== undefined),
    rewrite: { kind: 'direct' },
    isTupleset: false,
    reachableFrom: new Set(),
    mayExclude: false,
  };
}

function restriction(reference: RelationReferenceJson): Restriction {
  return {
    type: reference.type,
    relation: reference.relation || undefined,
    wildcard: reference.wildcard !== undefined,
    condition: reference.condition || undefined,
  };
}

function compileRewrite(types: Drafts, type: string, json: RewriteJson): Rewrite {
  const child = (rewrite: RewriteJson) => compileRewrite(types, type, rewrite);
  if (json.computedUserset) {
    return { kind: 'computed', relation: find(types, type, json.computedUserset.relation) };
  }
  if (json.tupleToUserset) {
    const tupleset = find(types, type, json.tupleToUserset.tupleset.relation);
    const { relation } = json.tupleToUserset.computedUserset;
    const targets = new Map<string, Relation>();
    for (const parent of tupleset.restrictions) {
      const target = types.get(parent.type)?.get(relation);
      if (target) targets.set(parent.type, target);
    }
    return { kind: 'from', tupleset, targets };
  }
  if (json.union) return { kind: 'union', children: json.union.child.map(child) };
  if (json.intersection) return { kind: 'intersection', children: json.intersection.child.map(child) };
  if (json.difference) {
    return {
      kind: 'exclusion',
      base: child(json.difference.base),
      subtract: child(json.difference.subtract),
    };
  }
  return { kind: 'direct' };
}

function find<R>(types: ByTypeAndName<R>, type: string, name: string): R {
  const relation = types.get(type)?.get(name);
  if (!relation) throw new ModelError(`relation '${type}#${name}' is not defined`);
  return relation;
}

export function childrenOf(rewrite: Rewrite): readonly Rewrite[] {
  switch (rewrite.kind) {
    case 'union':
    case 'intersection':
      return rewrite.children;
    case 'exclusion':
      return [rewrite.base, rewrite.subtract];
    default:
      return [];
  }
}

export function tuplesetsOf(rewrite: Rewrite): readonly Relation[] {
  if (rewrite.kind === 'from') return [rewrite.tupleset];
  return childrenOf(rewrite).flatMap(tuplesetsOf);
}

export function containsExclusion(rewrite: Rewrite): boolean {
  return rewrite.kind === 'exclusion' || childrenOf(rewrite).some(containsExclusion);
}

/** Every relation that can play a part in deciding this one, itself included. */
export function closureOf(types: ByTypeAndName<Relation>, start: Relation): ReadonlySet<Relation> {
  const closure = new Set([start]);
  for (const relation of closure) {
    for (const next of stepsFrom(types, relation, relation.rewrite)) closure.add(next);
  }
  return closure;
}

function stepsFrom(types: ByTypeAndName<Relation>, relation: Relation, rewrite: Rewrite): Relation[] {
  switch (rewrite.kind) {
    case 'direct':
      return relation.usersetRestrictions.map((userset) => find(types, userset.type, userset.relation ?? ''));
    case 'computed':
      return [rewrite.relation];
    case 'from':
      return [...rewrite.targets.values()];
    default:
      return childrenOf(rewrite).flatMap((child) => stepsFrom(types, relation, child));
  }
}

function labelsOf({ type, name, restrictions }: Relation): string[] {
  const direct = restrictions
    .filter(({ relation }) => relation === undefined)
    .map((user) => (user.wildcard ? `${user.type}:*` : user.type));
  return [`${type}#${name}`, ...direct];
}
