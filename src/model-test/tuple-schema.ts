import { z } from 'zod';
import type { Tuple } from '../types/tuple.ts';

/** Values for a model's conditions. An empty YAML value reads as none. */
export const contextSchema = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((context) => context ?? {});

const conditionSchema = z.strictObject({ name: z.string().min(1), context: contextSchema });

export const tupleSchema = z
  .strictObject({
    user: z.string().min(1),
    relation: z.string().min(1),
    object: z.string().min(1),
    condition: conditionSchema.nullish(),
  })
  .transform(({ condition, ...key }): Tuple => (condition ? { ...key, condition } : key));

/** A tuple, and where it is written: `tuples.csv:3`. */
export type PlacedTuple = { readonly tuple: Tuple; readonly place: string };
