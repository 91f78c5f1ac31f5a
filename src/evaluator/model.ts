import { compileRelations } from './compile.ts';
import { Condition } from './condition/condition.ts';
import { ModelError } from './errors.ts';
import { type AuthorizationModelJson, authorizationModel } from './model-json.ts';
import { checkModel } from './model-rules.ts';
import { jsonFromDsl, jsonFromModules, type ModuleFile } from './model-source.ts';
import type { Relation } from './relation.ts';

export { ModelError } from './errors.ts';

/** A compiled, immutable authorization model. */
export type Model = {
  /** The model as OpenFGA's WriteAuthorizationModel takes it. */
  readonly json: AuthorizationModelJson;
  readonly types: ReadonlyMap<string, ReadonlyMap<string, Relation>>;
  readonly relations: readonly Relation[];
  readonly conditions: ReadonlyMap<string, Condition>;
};

/** Throws `ModelError`, which names the line and what is wrong. */
export function modelFromDsl(dsl: string): Model {
  return modelFromJson(jsonFromDsl(dsl));
}

/** Throws `ModelError`. */
export function modelFromModules(files: readonly ModuleFile[], schemaVersion: string): Model {
  return modelFromJson(jsonFromModules(files, schemaVersion));
}

/** Throws `ModelError`. */
export function modelFromJson(json: unknown): Model {
  const parsed = authorizationModel.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new ModelError(`${issue?.path.join('.')}: ${issue?.message}`);
  }
  const model = parsed.data;
  checkModel(model);
  const conditions = new Map(
    Object.entries(model.conditions ?? {}).map(([name, condition]) => [name, new Condition(condition)]),
  );
  const types = compileRelations(model);
  return { json: model, types, relations: [...types.values()].flatMap((of) => [...of.values()]), conditions };
}
