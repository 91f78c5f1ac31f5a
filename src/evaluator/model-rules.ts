import { ModelError } from './errors.ts';
import type {
  AuthorizationModelJson,
  RelationReferenceJson,
  RewriteJson,
  TypeDefinitionJson,
} from './model-json.ts';
import { canHaveMembers, isComputedFromItself } from './model-reachability.ts';

/** The limits of a server's default configuration and of its API definition. */
const MAX_TYPES = 100;
const MAX_CONDITIONS = 25;
const MAX_PARAMETERS = 25;
const MAX_EXPRESSION_BYTES = 512;
const MAX_MODEL_BYTES = 256 * 1024;

const typeName = /^[^:#@\s]{1,254}$/;
const shortName = /^[^:#@\s]{1,50}$/;
const reserved = new Set(['self', 'this']);

export type Types = ReadonlyMap<string, TypeDefinitionJson>;

/** Refuses, with a `ModelError`, what OpenFGA's WriteAuthorizationModel refuses; conditions compile later. */
export function checkModel(model: AuthorizationModelJson): void {
  if (model.schema_version !== '1.1' && model.schema_version !== '1.2') {
    throw new ModelError(`invalid schema version '${model.schema_version}': 1.1 and 1.2 are supported`);
  }
  checkSizes(model);
  const types = new Map(model.type_definitions.map((definition) => [definition.type, definition]));
  if (types.size !== model.type_definitions.length) {
    throw new ModelError('an authorization model cannot contain duplicate types');
  }
  for (const definition of types.values()) checkNames(definition);
  for (const definition of types.values()) {
    for (const [name, rewrite] of Object.entries(definition.relations ?? {})) {
      checkRewrite(types, definition, name, rewrite);
      checkRestrictions(types, definition, name, model);
    }
  }
  for (const definition of types.values()) {
    for (const name of Object.keys(definition.relations ?? {})) {
      if (!canHaveMembers(types, definition.type, name))
        fail(definition.type, name, 'no entrypoints defined');
      if (isComputedFromItself(types, definition.type, name)) {
        fail(definition.type, name, 'potential loop: the relation is computed from itself');
      }
    }
  }
}

function checkSizes(model: AuthorizationModelJson): void {
  const conditions = Object.entries(model.conditions ?? {});
  if (model.type_definitions.length === 0) throw new ModelError('a model has at least one type');
  if (model.type_definitions.length > MAX_TYPES)
    throw new ModelError(`a model has at most ${MAX_TYPES} types`);
  if (conditions.length > MAX_CONDITIONS)
    throw new ModelError(`a model has at most ${MAX_CONDITIONS} conditions`);
  // The server counts bytes of protobuf, which are fewer than those of JSON.
  if (Buffer.byteLength(JSON.stringify(model)) > 4 * MAX_MODEL_BYTES)
    throw new ModelError('the model is too large');
  for (const [name, condition] of conditions) {
    if (name !== condition.name) {
      throw new ModelError(`condition key '${name}' does not match condition name '${condition.name}'`);
    }
    if (!shortName.test(name)) throw new ModelError(`'${name}' is not a name of a condition`);
    if (Buffer.byteLength(condition.expression) > MAX_EXPRESSION_BYTES) {
      throw new ModelError(`condition '${name}' has more than ${MAX_EXPRESSION_BYTES} bytes`);
    }
    const parameters = Object.keys(condition.parameters ?? {});
    if (parameters.length > MAX_PARAMETERS || parameters.some((parameter) => !shortName.test(parameter))) {
      throw new ModelError(
        `condition '${name}' has too many parameters, or one that is not named as it may be`,
      );
    }
  }
}

function checkNames(definition: TypeDefinitionJson): void {
  if (!typeName.test(definition.type) || reserved.has(definition.type)) {
    throw new ModelError(`'${definition.type}' cannot be the name of a type`);
  }
  for (const name of Object.keys(definition.relations ?? {})) {
    if (!shortName.test(name) || reserved.has(name))
      fail(definition.type, name, 'cannot be the name of a relation');
  }
}

function checkRewrite(
  types: Types,
  definition: TypeDefinitionJson,
  name: string,
  rewrite: RewriteJson,
): void {
  const { type, relations } = definition;
  const parts = [
    rewrite.this,
    rewrite.computedUserset,
    rewrite.tupleToUserset,
    rewrite.union,
    rewrite.intersection,
    rewrite.difference,
  ];
  if (parts.filter((part) => part !== undefined).length !== 1) fail(type, name, 'invalid userset rewrite');

  const computed = rewrite.computedUserset?.relation;
  if (computed === name) fail(type, name, 'is computed from itself');
  if (computed !== undefined && !relations?.[computed])
    fail(type, name, `'${type}#${computed}' is not defined`);
  if (rewrite.tupleToUserset) {
    const tupleset = rewrite.tupleToUserset.tupleset.relation;
    const target = rewrite.tupleToUserset.computedUserset.relation;
    if (!relations?.[tupleset]) fail(type, name, `'${type}#${tupleset}' is not defined`);
    if (!relations[tupleset].this)
      fail(type, tupleset, `must be a direct relation, for '${name}' is from it`);
    const parents = restrictionsOf(definition, tupleset);
    if (!parents.some((parent) => types.get(parent.type)?.relations?.[target])) {
      fail(type, name, `no type that '${tupleset}' allows has a relation '${target}'`);
    }
  }
  const set = rewrite.union ?? rewrite.intersection;
  if (set && set.child.length < 2) fail(type, name, 'a union or an intersection has at least two children');
  const children =
    set?.child ?? (rewrite.difference ? [rewrite.difference.base, rewrite.difference.subtract] : []);
  for (const child of children) checkRewrite(types, definition, name, child);
}

function checkRestrictions(
  types: Types,
  definition: TypeDefinitionJson,
  name: string,
  model: AuthorizationModelJson,
): void {
  const { type, relations } = definition;
  const restrictions = restrictionsOf(definition, name);
  const assignable = hasDirectPart(relations?.[name] ?? {});
  if (assignable && restrictions.length === 0)
    fail(type, name, 'is assignable and so needs a type restriction');
  if (!assignable && restrictions.length > 0) fail(type, name, 'is not assignable but has type restrictions');

  const isTupleset = Object.values(relations ?? {}).some((rewrite) => tuplesetsOf(rewrite).includes(name));
  for (const restriction of restrictions) {
    const target = types.get(restriction.type);
    if (!target) fail(type, name, `its type restriction '${restriction.type}' is not a type`);
    const isObject = restriction.relation === undefined && restriction.wildcard === undefined;
    if (isTupleset && !isObject) fail(type, name, 'is used with `from`, so it allows objects only');
    if (
      restriction.relation === '' ||
      (restriction.relation !== undefined && restriction.wildcard !== undefined)
    ) {
      fail(type, name, `has a malformed type restriction on '${restriction.type}'`);
    }
    if (restriction.relation !== undefined && !target.relations?.[restriction.relation]) {
      fail(type, name, `its type restriction '${restriction.type}#${restriction.relation}' is not defined`);
    }
    if (restriction.condition && !model.conditions?.[restriction.condition]) {
      fail(type, name, `condition '${restriction.condition}' is not defined`);
    }
  }
}

export function restrictionsOf(
  definition: TypeDefinitionJson,
  relation: string,
): readonly RelationReferenceJson[] {
  return definition.metadata?.relations?.[relation]?.directly_related_user_types ?? [];
}

function childrenOf(rewrite: RewriteJson): readonly RewriteJson[] {
  if (rewrite.difference) return [rewrite.difference.base, rewrite.difference.subtract];
  return rewrite.union?.child ?? rewrite.intersection?.child ?? [];
}

function hasDirectPart(rewrite: RewriteJson): boolean {
  return rewrite.this !== undefined || childrenOf(rewrite).some(hasDirectPart);
}

function tuplesetsOf(rewrite: RewriteJson): string[] {
  if (rewrite.tupleToUserset) return [rewrite.tupleToUserset.tupleset.relation];
  return childrenOf(rewrite).flatMap(tuplesetsOf);
}

function fail(type: string, relation: string, what: string): never {
  throw new ModelError(
    `the definition of relation '${relation}' in object type '${type}' is invalid: ${what}`,
  );
}
