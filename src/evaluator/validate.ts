import type { Tuple } from '../types/tuple.ts';
import { isRelation, objectFormatProblem, userFormatProblem } from '../types/tuple-format.ts';
import type { Model } from './model.ts';
import type { Relation, Restriction } from './relation.ts';
import { parseSubject, type Subject, typeOf } from './subject.ts';
import type { Entry } from './tuple-source.ts';

/** A condition's context may have this many bytes of protobuf on a server; JSON is a little longer. */
const MAX_CONTEXT_BYTES = 32 * 1024;

/** A model may name a condition with one character, but then no tuple can. */
const conditionName = /^[^\s]{2,256}$/;

/** Why this tuple may not be written under this model; undefined where it may. */
export function tupleProblem(model: Model, tuple: Tuple): string | undefined {
  return writeProblem(model, tuple)?.message;
}

/** OpenFGA reports a problem with a condition under another code. */
export type TupleProblem = { readonly message: string; readonly isCondition: boolean };

export function writeProblem(model: Model, tuple: Tuple): TupleProblem | undefined {
  const message = userProblem(model, tuple.user) ?? targetProblem(model, tuple);
  if (message) return { message, isCondition: false };
  const subject = parseSubject(tuple.user);
  const relation = model.types.get(typeOf(tuple.object))?.get(tuple.relation);
  if (!relation) return { message: `relation '${tuple.relation}' is not defined`, isCondition: false };
  if (subject.relation === tuple.relation && subject.object === tuple.object) {
    return { message: 'cannot write a tuple that is implicit', isCondition: false };
  }
  const restriction = restrictionProblem(relation, subject);
  if (restriction) return { message: restriction, isCondition: false };
  const condition = conditionProblem(model, relation, { tuple, subject });
  return condition ? { message: condition, isCondition: true } : undefined;
}

/** Whether the evaluator may use a stored tuple; one that the model no longer allows counts as absent. */
export function isUsable(model: Model, relation: Relation, entry: Entry): boolean {
  return (
    restrictionProblem(relation, entry.subject) === undefined &&
    conditionProblem(model, relation, entry) === undefined
  );
}

/** What is wrong with `object` or `relation`, whatever the type restrictions say. */
export function targetProblem(
  model: Model,
  { relation, object }: { relation: string; object: string },
): string | undefined {
  return objectProblem(model, object) ?? relationProblem(model, typeOf(object), relation);
}

/** What is wrong with `user`, whatever the type restrictions say. */
export function userProblem(model: Model, user: string): string | undefined {
  const format = userFormatProblem(user);
  if (format !== undefined) return format;
  const { type, relation } = parseSubject(user);
  if (!model.types.has(type)) return typeProblem(model, type);
  return relation === undefined ? undefined : relationProblem(model, type, relation);
}

export function objectProblem(model: Model, object: string): string | undefined {
  const format = objectFormatProblem(object);
  if (format !== undefined) return format;
  if (object.endsWith(':*')) return "the 'object' field cannot reference a typed wildcard";
  return model.types.has(typeOf(object)) ? undefined : typeProblem(model, typeOf(object));
}

export function typeProblem(model: Model, type: string): string {
  return `type '${type}' not found; the model has ${listing(model.types.keys())}`;
}

export function relationProblem(model: Model, type: string, relation: string): string | undefined {
  const relations = model.types.get(type);
  if (relations?.has(relation)) return undefined;
  if (!isRelation(relation)) return "the 'relation' field is malformed";
  return `relation '${type}#${relation}' not found; the type has ${listing(relations?.keys() ?? [])}`;
}

function listing(names: Iterable<string>): string {
  return [...names].join(', ') || 'none';
}

function restrictionProblem(relation: Relation, subject: Subject): string | undefined {
  const target = `'${relation.type}#${relation.name}'`;
  if (relation.isTupleset && (subject.isWildcard || subject.relation !== undefined)) {
    return `unexpected user '${subject.text}' with tupleset relation ${target}`;
  }
  if (relation.restrictions.some((restriction) => allows(restriction, subject))) return undefined;
  return `'${subject.label}' is not an allowed type restriction for ${target}`;
}

function conditionProblem(model: Model, relation: Relation, { tuple, subject }: Entry): string | undefined {
  const name = tuple.condition?.name || undefined;
  const fits = relation.restrictions.some(
    (restriction) => restriction.condition === name && allows(restriction, subject),
  );
  if (name !== undefined && !conditionName.test(name)) return `the condition's name '${name}' is malformed`;
  if (name === undefined) return fits ? undefined : 'condition is missing';

  const condition = model.conditions.get(name);
  if (!condition) return `undefined condition '${name}'; the model has ${listing(model.conditions.keys())}`;
  if (!fits) return `invalid condition '${name}' for type restriction`;
  const context = tuple.condition?.context;
  if (!context) return undefined;
  if (hasForbiddenCharacters(context)) return 'the context contains forbidden characters';
  if (Buffer.byteLength(JSON.stringify(context)) > MAX_CONTEXT_BYTES) return 'the context is too large';
  return condition.contextProblem(context);
}

function allows(restriction: Restriction, subject: Subject): boolean {
  return (
    restriction.type === subject.type &&
    restriction.relation === subject.relation &&
    restriction.wildcard === subject.isWildcard
  );
}

/** Control characters, which OpenFGA takes in no key and no string of a context. */
export function hasForbiddenCharacters(value: unknown): boolean {
  if (typeof value === 'string') return /\p{Cc}/u.test(value);
  if (Array.isArray(value)) return value.some(hasForbiddenCharacters);
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(
    ([key, item]) => hasForbiddenCharacters(key) || hasForbiddenCharacters(item),
  );
}
