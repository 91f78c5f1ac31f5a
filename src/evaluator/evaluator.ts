import type { Tuple } from '../types/tuple.ts';
import type { Context } from './condition/condition.ts';
import { EvaluationError, type EvaluationErrorCode } from './errors.ts';
import { type UserFilter, UserLister } from './list-users.ts';
import type { Model } from './model.ts';
import type { Relation } from './relation.ts';
import { Resolver } from './resolver.ts';
import { parseSubject, typeOf } from './subject.ts';
import { TupleGraph } from './tuple-graph.ts';
import { TupleOverlay } from './tuple-overlay.ts';
import { TupleReader } from './tuple-reader.ts';
import {
  hasForbiddenCharacters,
  objectProblem,
  relationProblem,
  type TupleProblem,
  targetProblem,
  typeProblem,
  userProblem,
  writeProblem,
} from './validate.ts';

export { EvaluationError, type EvaluationErrorCode } from './errors.ts';

/** The answer to one check. */
export type Outcome =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'denied' }
  | { readonly kind: 'error'; readonly code: EvaluationErrorCode; readonly message: string };

export type EvaluatorOptions = {
  /** Values for the parameters of the model's conditions. */
  readonly context?: Context;
  readonly contextualTuples?: readonly Tuple[];
};

const allowed: Outcome = { kind: 'allowed' };
const denied: Outcome = { kind: 'denied' };

/** One request on one unchanged graph: its checks share what they find out. */
export class Evaluator {
  readonly #model: Model;
  readonly #reader: TupleReader;
  readonly #invalidTuple: TupleProblem | undefined;
  readonly #contextProblem: EvaluationError | undefined;
  /** By user; a string says what is wrong with the user. */
  readonly #resolvers = new Map<string, Resolver | string>();

  constructor(model: Model, graph: TupleGraph, options: EvaluatorOptions = {}) {
    const { context = {}, contextualTuples = [] } = options;
    const source =
      contextualTuples.length > 0 ? new TupleOverlay(new TupleGraph(contextualTuples), graph) : graph;
    this.#model = model;
    this.#reader = new TupleReader(model, source, context);
    this.#invalidTuple = firstProblem(model, contextualTuples);
    this.#contextProblem = hasForbiddenCharacters(context)
      ? new EvaluationError('validation_error', 'invalid context: it contains forbidden characters')
      : undefined;
  }

  check(query: { user: string; relation: string; object: string }): Outcome {
    const resolver = this.#resolver(query.user);
    if (typeof resolver === 'string') return { kind: 'error', code: 'validation_error', message: resolver };
    const problem = targetProblem(this.#model, query);
    if (problem) return { kind: 'error', code: 'validation_error', message: problem };
    const contextual = this.#contextProblem ?? this.#contextualProblem('invalid_tuple');
    if (contextual) return { kind: 'error', code: contextual.code, message: contextual.message };

    const relation = this.#relation(typeOf(query.object), query.relation);
    const { kind, error } = resolver.resolve(relation, query.object);
    if (error) return { kind: 'error', code: error.code, message: error.message };
    return kind === 'allowed' ? allowed : denied;
  }

  /** Throws `EvaluationError`. */
  listObjects(query: { user: string; relation: string; type: string }): string[] {
    const contextual = this.#contextualProblem('validation_error') ?? this.#contextProblem;
    if (contextual) throw contextual;
    const relation = this.#relation(query.type, query.relation);
    const resolver = this.#resolver(query.user);
    if (typeof resolver === 'string') {
      throw new EvaluationError('validation_error', `invalid 'user' value: ${resolver}`);
    }
    const subject = parseSubject(query.user);
    const candidates = new Set(this.#reader.objectsOfType(query.type));
    // A userset is related to its own object without any tuple.
    if (subject.relation !== undefined && subject.type === query.type) candidates.add(subject.object);
    return [...candidates].filter((object) => {
      const { kind, error } = resolver.resolve(relation, object);
      if (error) throw error;
      return kind === 'allowed';
    });
  }

  /** Throws `EvaluationError`. */
  listUsers(query: { object: string; relation: string; filters: readonly UserFilter[] }): string[] {
    const contextual = this.#contextualProblem('validation_error') ?? this.#contextProblem;
    if (contextual) throw contextual;
    for (const { type, relation } of query.filters) {
      if (!this.#model.types.has(type)) throw typeNotFound(this.#model, type);
      if (relation !== undefined) this.#relation(type, relation);
    }
    const target = this.#relation(typeOf(query.object), query.relation);
    const problem = objectProblem(this.#model, query.object);
    if (problem) throw new EvaluationError('validation_error', problem);
    const users = query.filters.flatMap((filter) =>
      new UserLister(this.#model, this.#reader, filter).list(target, query.object),
    );
    return [...new Set(users)];
  }

  /** OpenFGA reports a condition's problem under a code that depends on what was asked. */
  #contextualProblem(conditionCode: EvaluationErrorCode): EvaluationError | undefined {
    if (!this.#invalidTuple) return undefined;
    const { isCondition, message } = this.#invalidTuple;
    return new EvaluationError(isCondition ? conditionCode : 'invalid_tuple', message);
  }

  #relation(type: string, name: string): Relation {
    const relation = this.#model.types.get(type)?.get(name);
    if (relation) return relation;
    if (!this.#model.types.has(type)) throw typeNotFound(this.#model, type);
    const problem = relationProblem(this.#model, type, name) ?? `relation '${type}#${name}' not found`;
    throw new EvaluationError('relation_not_found', problem);
  }

  #resolver(user: string): Resolver | string {
    let resolver = this.#resolvers.get(user);
    if (resolver === undefined) {
      resolver =
        userProblem(this.#model, user) ?? new Resolver(this.#model, this.#reader, parseSubject(user));
      this.#resolvers.set(user, resolver);
    }
    return resolver;
  }
}

function firstProblem(model: Model, tuples: readonly Tuple[]): TupleProblem | undefined {
  for (const tuple of tuples) {
    const problem = writeProblem(model, tuple);
    const key = `${tuple.object}#${tuple.relation}@${tuple.user}`;
    if (problem) return { ...problem, message: `Invalid tuple '${key}'. Reason: ${problem.message}` };
  }
  return undefined;
}

function typeNotFound(model: Model, type: string): EvaluationError {
  return new EvaluationError('type_not_found', typeProblem(model, type));
}
