import type { Tuple } from '../types/tuple.ts';
import type { Subject } from './subject.ts';

/** A tuple with its user taken apart. */
export type Entry = { readonly tuple: Tuple; readonly subject: Subject };

/** The tuples of one relation of one object. */
export interface RelationEntries {
  find(user: string): Entry | undefined;
  /** Several where tuples of a request stand beside the stored ones. */
  findAll(user: string): readonly Entry[];
  readonly all: Iterable<Entry>;
  /** Those whose user is a userset. */
  readonly usersets: Iterable<Entry>;
}

/** What the evaluator reads relationships from. */
export interface TupleSource {
  entries(object: string, relation: string): RelationEntries | undefined;
  objectsOfType(type: string): Iterable<string>;
}
