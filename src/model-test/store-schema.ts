import { z } from 'zod';
import { contextSchema, tupleSchema } from './tuple-schema.ts';

// The store file of OpenFGA's command line: https://github.com/openfga/cli/blob/main/docs/STORE_FILE.md
// An empty value (null) is read as one that is not there, as Go does.

const text = z.preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string());
const optionalText = text.nullish().transform((value) => value ?? undefined);
const list = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((items) => items ?? []);

const asserting = <T extends z.ZodType>(expected: T) =>
  z
    .record(z.string(), expected)
    .refine((assertions) => Object.keys(assertions).length > 0, 'asserts nothing');

/** YAML 1.1's other booleans: the command line reads these where a boolean is expected. */
const words = new Map<unknown, boolean>([
  ...['y', 'Y', 'yes', 'on'].map((word) => [word, true] as const),
  ...['n', 'N', 'no', 'off'].map((word) => [word, false] as const),
]);
const bool = z.preprocess((value) => words.get(value) ?? value, z.boolean());

/** `user` or `users`, made a list. */
function oneOrMany(
  one: string,
  many: string,
  values: { one: string | undefined; many: string[] },
  ctx: z.RefinementCtx,
) {
  if (values.one && values.many.length > 0) ctx.addIssue(`takes '${one}' or '${many}', not both`);
  if (!values.one && values.many.length === 0) ctx.addIssue(`needs '${one}' or '${many}'`);
  return values.one ? [values.one] : values.many;
}

const checkSchema = z
  .strictObject({
    user: optionalText,
    users: list(z.string()),
    object: optionalText,
    objects: list(z.string()),
    context: contextSchema,
    assertions: asserting(bool),
  })
  .transform(({ user, users, object, objects, context, assertions }, ctx) => ({
    users: oneOrMany('user', 'users', { one: user, many: users }, ctx),
    objects: oneOrMany('object', 'objects', { one: object, many: objects }, ctx),
    context,
    assertions,
  }));

const listObjectsSchema = z.strictObject({
  user: z.string(),
  type: z.string(),
  context: contextSchema,
  assertions: asserting(list(z.string())),
});

const userFilterSchema = z
  .strictObject({ type: z.string(), relation: optionalText })
  .transform(({ type, relation }) => (relation ? { type, relation } : { type }));

const listUsersSchema = z.strictObject({
  object: z.string(),
  // The users of all filters together. (OpenFGA's own command line looks at the first only.)
  user_filter: z.array(userFilterSchema).min(1),
  context: contextSchema,
  assertions: asserting(z.strictObject({ users: list(z.string()) })),
});

const testSchema = z
  .strictObject({
    name: optionalText,
    description: optionalText,
    tuples: list(tupleSchema),
    tuple_file: optionalText,
    tuple_files: list(z.string()),
    check: list(checkSchema),
    list_objects: list(listObjectsSchema),
    list_users: list(listUsersSchema),
  })
  .refine(
    (test) => test.check.length + test.list_objects.length + test.list_users.length > 0,
    'needs a check, list_objects or list_users: it asserts nothing',
  );

export const storeSchema = z
  .strictObject({
    name: optionalText,
    model: optionalText,
    model_file: optionalText,
    tuples: list(tupleSchema),
    tuple_file: optionalText,
    tuple_files: list(z.string()),
    tests: list(testSchema),
  })
  .refine((store) => store.model || store.model_file, "needs 'model' or 'model_file'")
  .refine((store) => !(store.model && store.model_file), "takes 'model' or 'model_file', not both");

export type StoreFile = z.infer<typeof storeSchema>;
export type StoreFileTest = z.infer<typeof testSchema>;
