import { z } from 'zod';
import type { FeedEntry } from '../../ports/ledger.ts';
import type { Tuple } from '../../types/tuple.ts';

/** OpenFGA's answers, as far as they are read. */

const condition = z
  .object({ name: z.string(), context: z.record(z.string(), z.unknown()).nullish() })
  .nullish();

/** OpenFGA shows an empty context where none was written. */
const tuple = z
  .object({ user: z.string(), relation: z.string(), object: z.string(), condition })
  .transform(({ condition, ...key }): Tuple => {
    if (condition === null || condition === undefined || condition.name === '') return key;
    const { name, context } = condition;
    const empty = context === null || context === undefined || Object.keys(context).length === 0;
    return { ...key, condition: empty ? { name } : { name, context } };
  });

/** With nine digits, so that two of them compare as texts. */
const timestamp = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/)
  .transform((text) => {
    const [seconds = '', digits = ''] = text.slice(0, -1).split('.');
    return `${seconds}.${digits.padEnd(9, '0')}Z`;
  });

const next = z.string();

export const readAnswer = z
  .object({ tuples: z.array(z.object({ key: tuple })), continuation_token: next })
  .transform((page) => ({ items: page.tuples.map(({ key }) => key), next: page.continuation_token }));

export const changesAnswer = z
  .object({
    changes: z.array(
      z
        .object({
          tuple_key: tuple,
          operation: z.enum(['TUPLE_OPERATION_WRITE', 'TUPLE_OPERATION_DELETE']),
          timestamp,
        })
        .transform(({ tuple_key, operation, timestamp: at }): FeedEntry => {
          if (operation === 'TUPLE_OPERATION_WRITE') return { kind: 'written', tuple: tuple_key, at };
          const { user, relation, object } = tuple_key;
          return { kind: 'deleted', key: { user, relation, object }, at };
        }),
    ),
    continuation_token: next,
  })
  .transform((page) => ({ items: page.changes, next: page.continuation_token }));

const checkError = z.object({ input_error: z.string().optional(), internal_error: z.string().optional() });

export const batchCheckAnswer = z.object({
  result: z.record(z.string(), z.object({ allowed: z.boolean().optional(), error: checkError.nullish() })),
});

export type CheckAnswer = z.infer<typeof batchCheckAnswer>['result'][string];

const named = z.object({ id: z.string(), name: z.string() });

export const storesAnswer = z
  .object({ stores: z.array(named), continuation_token: next })
  .transform((page) => ({ items: page.stores, next: page.continuation_token }));

export const storeAnswer = named;

export const writeModelAnswer = z.object({ authorization_model_id: z.string() });

/** Passed on as it is; who needs more of it compiles it. */
const model = z.looseObject({
  id: z.string(),
  type_definitions: z.array(z.looseObject({ type: z.string() })),
});

export const modelAnswer = z.object({ authorization_model: model });

export const modelsAnswer = z
  .object({ authorization_models: z.array(model), continuation_token: next })
  .transform((page) => ({ items: page.authorization_models, next: page.continuation_token }));

export type WrittenModel = z.infer<typeof model>;

/** Of a write. What holds anything was said by somebody else, and nothing may have been written. */
export const writeAnswer = z.strictObject({});
