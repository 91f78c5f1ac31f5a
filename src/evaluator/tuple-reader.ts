import type { Context } from './condition/condition.ts';
import { EvaluationError } from './errors.ts';
import type { Model } from './model.ts';
import type { Relation } from './relation.ts';
import type { Entry, RelationEntries, TupleSource } from './tuple-source.ts';
import { isUsable } from './validate.ts';

/** Reads the tuples that hold in a request: allowed by the model, and their condition met. */
export class TupleReader {
  readonly #model: Model;
  readonly #source: TupleSource;
  readonly #context: Context;

  constructor(model: Model, source: TupleSource, context: Context) {
    this.#model = model;
    this.#source = source;
    this.#context = context;
  }

  entries(object: string, relation: Relation): RelationEntries | undefined {
    return this.#source.entries(object, relation.name);
  }

  objectsOfType(type: string): Iterable<string> {
    return this.#source.objectsOfType(type);
  }

  /** Throws `EvaluationError` where the condition cannot be evaluated. */
  isMet(relation: Relation, entry: Entry): boolean {
    if (!isUsable(this.#model, relation, entry)) return false;
    const { condition } = entry.tuple;
    if (!condition?.name) return true;
    return this.#model.conditions.get(condition.name)?.isMet(this.#context, condition.context) ?? false;
  }

  /** OpenFGA forgets the failure of one tuple's condition where that of another of the same read is met. */
  metOf(relation: Relation, entries: Iterable<Entry>): { usable: readonly Entry[]; error?: EvaluationError } {
    const { usable, errors } = this.metAndErrors(relation, entries);
    const [error] = errors;
    return usable.length > 0 || !error ? { usable } : { usable, error };
  }

  metAndErrors(relation: Relation, entries: Iterable<Entry>): { usable: Entry[]; errors: EvaluationError[] } {
    const usable: Entry[] = [];
    const errors: EvaluationError[] = [];
    for (const entry of entries) {
      try {
        if (this.isMet(relation, entry)) usable.push(entry);
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        errors.push(error);
      }
    }
    return { usable, errors };
  }
}
