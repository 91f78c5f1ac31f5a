import type { EvaluationError } from '../../src/evaluator/evaluator.ts';
import type { Model } from '../../src/evaluator/model.ts';
import type { Relation, Rewrite } from '../../src/evaluator/relation.ts';
import { MAX_DEPTH } from '../../src/evaluator/resolution.ts';
import { parseSubject, type Subject, typeOf } from '../../src/evaluator/subject.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { TupleOverlay } from '../../src/evaluator/tuple-overlay.ts';
import { TupleReader } from '../../src/evaluator/tuple-reader.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import type { Answer } from './evaluate.ts';
import type { Question } from './sketch.ts';
import type { World } from './world.ts';

/** `cycle`: denied, and for a cycle. */
type Outcome = 'allowed' | 'denied' | 'cycle' | 'error';
type Outcomes = ReadonlySet<Outcome>;

/** Questions asked on the way before it is given up. */
const MAX_STEPS = 100_000;

const only = (...outcomes: Outcome[]): Outcomes => new Set(outcomes);

/**
 * Every answer that OpenFGA may give. It asks the operands of `and` and `but not` at the same time, and the one that
 * denies first also says whether there was a cycle, for which a `but not` further up denies. Walks every path
 * anew and remembers nothing. Undefined where there are too many paths.
 */
export function possibleAnswers(world: World, question: Question): ReadonlySet<Answer> | undefined {
  const relation = world.model.types.get(typeOf(question.object))?.get(question.relation);
  if (!relation) return new Set(['error']);
  try {
    const outcomes = new Possible(world, question.user).ask(relation, question.object, 0, []);
    return new Set([...outcomes].map((outcome) => (outcome === 'cycle' ? 'denied' : outcome)));
  } catch (error) {
    if (error instanceof TooManySteps) return undefined;
    throw error;
  }
}

class TooManySteps extends Error {}

class Possible {
  readonly #model: Model;
  readonly #reader: TupleReader;
  readonly #user: Subject;
  /** Types of which some object has a tuple with the user whose condition fails. */
  readonly #failing: ReadonlySet<string>;
  #steps = 0;

  constructor({ model, tuples, contextual, context }: World, user: string) {
    this.#model = model;
    const source = new TupleOverlay(new TupleGraph(contextual), new TupleGraph(tuples));
    this.#reader = new TupleReader(model, source, context);
    this.#user = parseSubject(user);
    const everybody = `${this.#user.type}:*`;
    const own = [...tuples, ...contextual].filter((tuple) => tuple.user === user || tuple.user === everybody);
    this.#failing = new Set(own.filter((tuple) => this.#fails(tuple)).map(({ object }) => typeOf(object)));
  }

  #fails(tuple: Tuple): boolean {
    const relation = this.#model.types.get(typeOf(tuple.object))?.get(tuple.relation);
    if (!relation) return false;
    return (
      this.#reader.metAndErrors(relation, [{ tuple, subject: parseSubject(tuple.user) }]).errors.length > 0
    );
  }

  ask(relation: Relation, object: string, depth: number, path: readonly string[]): Outcomes {
    if (++this.#steps > MAX_STEPS) throw new TooManySteps();
    const key = `${object}#${relation.name}`;
    if (depth === MAX_DEPTH) return only('error');
    // One of its strategies for a relation of objects to objects of their own type sees no cycle there.
    if (path.includes(key)) return isRecursive(relation) ? only('cycle', 'denied') : only('cycle');
    if (this.#user.text === key) return only('allowed');
    if (!this.#isReachable(relation)) return only('denied');
    return this.#rewrite(relation, object, relation.rewrite, depth, [...path, key]);
  }

  /**
   * One of OpenFGA's strategies starts from all objects of the type that the user is related to. A condition that fails
   * for any of them fails the check; one that is met for another makes it forget the failure.
   */
  #askNext(next: Relation, object: string, depth: number, path: readonly string[]): Outcomes {
    const asked = this.ask(next, object, depth + 1, path);
    return this.#failing.has(next.type) ? new Set([...asked, 'denied', 'error']) : asked;
  }

  #isReachable({ reachableFrom }: Relation): boolean {
    const { type, label, relation } = this.#user;
    if (relation !== undefined) return reachableFrom.has(label);
    return reachableFrom.has(type) || reachableFrom.has(`${type}:*`);
  }

  #rewrite(
    relation: Relation,
    object: string,
    rewrite: Rewrite,
    depth: number,
    path: readonly string[],
  ): Outcomes {
    const child = (part: Rewrite) => this.#rewrite(relation, object, part, depth, path);
    switch (rewrite.kind) {
      case 'direct': {
        const { type, relation: name, text } = this.#user;
        const entries = this.#reader.entries(object, relation);
        const shared = name === undefined ? entries?.findAll(`${type}:*`) : [];
        const own = [entries?.find(text) ?? [], shared ?? []].flat();
        const { usable, errors } = this.#reader.metAndErrors(relation, entries?.usersets ?? []);
        return anyOf([
          ...own.map((entry) => {
            const found = this.#reader.metAndErrors(relation, [entry]);
            return only(found.usable.length > 0 ? 'allowed' : found.errors.length > 0 ? 'error' : 'denied');
          }),
          ...unlessMet(usable, errors),
          ...usable.flatMap(({ subject }) => {
            const next = this.#model.types.get(subject.type)?.get(subject.relation ?? '');
            if (!next) return [];
            const asked = this.#askNext(next, subject.object, depth, path);
            if (this.#isReachable(next) || !mixesUp(relation, next)) return [asked];
            return [new Set([...asked, ...this.ask(relation, subject.object, depth + 1, path)])];
          }),
        ]);
      }
      case 'computed':
        return this.ask(rewrite.relation, object, depth, path);
      case 'from': {
        const entries = this.#reader.entries(object, rewrite.tupleset)?.all ?? [];
        const { usable, errors } = this.#reader.metAndErrors(rewrite.tupleset, entries);
        return anyOf([
          ...unlessMet(usable, errors),
          ...usable.flatMap(({ subject }) => {
            const next = rewrite.targets.get(subject.type);
            if (!next) return [];
            const asked = this.#askNext(next, subject.object, depth, path);
            const onwards = this.#model.types.get(next.type)?.get(rewrite.tupleset.name);
            if (this.#isReachable(next) || !onwards || !leadsToItself(relation, rewrite)) return [asked];
            // Another fault of OpenFGA 1.22.1: it goes on to the parents of an object through which nobody can come.
            const passed = { ...rewrite, tupleset: onwards };
            return [new Set([...asked, ...this.#rewrite(relation, subject.object, passed, depth + 1, path)])];
          }),
        ]);
      }
      case 'union':
        return anyOf(rewrite.children.map(child));
      case 'intersection':
        return allOf(rewrite.children.map(child));
      default:
        return difference(child(rewrite.base), child(rewrite.subtract));
    }
  }
}

function isRecursive(relation: Relation): boolean {
  return namesItself(relation) || leadsToItself(relation, relation.rewrite);
}

function namesItself({ usersetRestrictions, type, name }: Relation): boolean {
  return usersetRestrictions.some((userset) => userset.type === type && userset.relation === name);
}

function leadsToItself(relation: Relation, rewrite: Rewrite): boolean {
  switch (rewrite.kind) {
    case 'from':
      return rewrite.targets.get(relation.type) === relation;
    case 'union':
    case 'intersection':
      return rewrite.children.some((child) => leadsToItself(relation, child));
    case 'exclusion':
      return leadsToItself(relation, rewrite.base) || leadsToItself(relation, rewrite.subtract);
    default:
      return false;
  }
}

/**
 * A fault of OpenFGA 1.22.1, which allows too much: that strategy takes `group:1#guest` for `group:1#member` in
 * `define member: [user, group#member, group#guest]` where no user can be a guest.
 */
function mixesUp(relation: Relation, userset: Relation): boolean {
  return namesItself(relation) && userset.type === relation.type;
}

/** OpenFGA forgets that a condition failed where another tuple of the same read is met. */
function unlessMet(usable: readonly unknown[], errors: readonly EvaluationError[]): Outcomes[] {
  return usable.length === 0 && errors.length > 0 ? [only('error')] : [];
}

function some(outcomes: Outcomes, ...wanted: Outcome[]): boolean {
  return wanted.some((outcome) => outcomes.has(outcome));
}

function anyOf(operands: readonly Outcomes[]): Outcomes {
  const possible = new Set<Outcome>();
  if (operands.some((each) => each.has('allowed'))) possible.add('allowed');
  if (!operands.every((each) => some(each, 'denied', 'cycle', 'error'))) return possible;
  if (operands.some((each) => each.has('error'))) possible.add('error');
  if (!operands.every((each) => some(each, 'denied', 'cycle'))) return possible;
  if (operands.some((each) => each.has('cycle'))) possible.add('cycle');
  if (operands.every((each) => each.has('denied'))) possible.add('denied');
  return possible;
}

function allOf(operands: readonly Outcomes[]): Outcomes {
  const possible = new Set<Outcome>();
  for (const outcome of ['denied', 'cycle'] as const) {
    if (operands.some((each) => each.has(outcome))) possible.add(outcome);
  }
  if (operands.every((each) => each.has('allowed'))) possible.add('allowed');
  if (operands.some((each) => each.has('error')) && operands.every((each) => some(each, 'allowed', 'error')))
    possible.add('error');
  return possible;
}

function difference(base: Outcomes, subtracted: Outcomes): Outcomes {
  const possible = new Set<Outcome>();
  if (base.has('denied') || subtracted.has('allowed')) possible.add('denied');
  if (base.has('cycle') || subtracted.has('cycle')) possible.add('cycle');
  if (base.has('allowed') && subtracted.has('denied')) possible.add('allowed');
  if (base.has('error') && some(subtracted, 'denied', 'error')) possible.add('error');
  if (subtracted.has('error') && some(base, 'allowed', 'error')) possible.add('error');
  return possible;
}
