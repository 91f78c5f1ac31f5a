import { z } from 'zod';

/** What OpenFGA's WriteAuthorizationModel takes, as far as it means anything here. */

const empty = z.looseObject({});
const objectRelation = z.looseObject({ object: z.string().optional(), relation: z.string() });

export type RewriteJson = {
  this?: Record<string, unknown> | undefined;
  computedUserset?: { relation: string } | undefined;
  tupleToUserset?: { tupleset: { relation: string }; computedUserset: { relation: string } } | undefined;
  union?: { child: RewriteJson[] } | undefined;
  intersection?: { child: RewriteJson[] } | undefined;
  difference?: { base: RewriteJson; subtract: RewriteJson } | undefined;
};

const rewrite: z.ZodType<RewriteJson> = z.lazy(() =>
  z.looseObject({
    this: empty.optional(),
    computedUserset: objectRelation.optional(),
    tupleToUserset: z.looseObject({ tupleset: objectRelation, computedUserset: objectRelation }).optional(),
    union: z.looseObject({ child: z.array(rewrite) }).optional(),
    intersection: z.looseObject({ child: z.array(rewrite) }).optional(),
    difference: z.looseObject({ base: rewrite, subtract: rewrite }).optional(),
  }),
);

const relationReference = z.looseObject({
  type: z.string(),
  relation: z.string().optional(),
  wildcard: empty.optional(),
  condition: z.string().optional(),
});

const typeDefinition = z.looseObject({
  type: z.string(),
  relations: z.record(z.string(), rewrite).nullish(),
  metadata: z
    .looseObject({
      relations: z
        .record(
          z.string(),
          z.looseObject({ directly_related_user_types: z.array(relationReference).nullish() }),
        )
        .nullish(),
    })
    .nullish(),
});

export type ParameterTypeJson = { type_name: string; generic_types?: ParameterTypeJson[] | undefined };

const parameterType: z.ZodType<ParameterTypeJson> = z.lazy(() =>
  z.looseObject({ type_name: z.string(), generic_types: z.array(parameterType).optional() }),
);

const condition = z.looseObject({
  name: z.string(),
  expression: z.string(),
  parameters: z.record(z.string(), parameterType).nullish(),
});

export const authorizationModel = z.looseObject({
  schema_version: z.string().default('1.1'),
  type_definitions: z.array(typeDefinition),
  conditions: z.record(z.string(), condition).nullish(),
});

export type AuthorizationModelJson = z.infer<typeof authorizationModel>;
export type TypeDefinitionJson = AuthorizationModelJson['type_definitions'][number];
export type RelationReferenceJson = z.infer<typeof relationReference>;
export type ConditionJson = z.infer<typeof condition>;
