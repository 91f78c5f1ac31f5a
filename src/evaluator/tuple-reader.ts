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
  /** Whether a tuple without a condition may name a user with this label, by relation. */
  readonly #plain = new Map<Relation, Map<string, boolean>>();

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
    const { condition } = entry.tuple;
    if (!condition?.name) return this.#isPlainlyUsable(relation, entry);
    if (!isUsable(this.#model, relation, entry)) return false;
    return this.#model.conditions.get(condition.name)?.isMet(this.#context, condition.context) ?? false;
  }

  #isPlainlyUsable(relation: Relation, entry: Entry): boolean {
    let labels = this.#plain.get(relation);
    if (!labels) {
      labels = new Map();
      this.#plain.set(relation, labels);
    }
    const { label } = entry.subject;
    let isAllowed = labels.get(label);
    if (isAllowed === undefined) {
      isAllowed = isUsable(this.#model, relation, entry);
      labels.set(label, isAllowed);
    }
    return isAllowed;
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
