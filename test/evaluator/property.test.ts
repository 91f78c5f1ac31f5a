import { describe, expect, it } from 'vitest';
import { Evaluator } from '../../src/evaluator/evaluator.ts';
import type { Model } from '../../src/evaluator/model.ts';
import type { Relation, Rewrite } from '../../src/evaluator/relation.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { tupleProblem } from '../../src/evaluator/validate.ts';
import type { Tuple } from '../../src/types/tuple.ts';
import { model, tuple } from './world.ts';

/**
 * OpenFGA's algorithm without any memory, for worlds without conditions: every path is walked anew. What
 * the evaluator remembers from other questions may never change an answer.
 */
type Answer = { readonly allowed: boolean; readonly cycle: boolean } | 'too deep';

const no: Answer = { allowed: false, cycle: false };
const yes: Answer = { allowed: true, cycle: false };

class Naive {
  readonly #model: Model;
  readonly #tuples: readonly Tuple[];
  readonly #user: string;

  constructor(of: Model, tuples: readonly Tuple[], user: string) {
    this.#model = of;
    this.#tuples = tuples;
    this.#user = user;
  }

  ask(object: string, name: string, depth = 0, path: readonly string[] = []): Answer {
    const key = `${object}#${name}`;
    if (depth === 25) return 'too deep';
    if (path.includes(key)) return { allowed: false, cycle: true };
    if (this.#user === key) return yes;
    const relation = this.#model.types.get(object.slice(0, object.indexOf(':')))?.get(name);
    const [type = '', userset] = this.#user.split(/:[^#]*#?/);
    const labels = userset ? [`${type}#${userset}`] : [type, `${type}:*`];
    if (!relation || !labels.some((label) => relation.reachableFrom.has(label))) return no;
    return this.#rewrite(relation, object, relation.rewrite, depth, [...path, key]);
  }

  #rewrite(
    relation: Relation,
    object: string,
    rewrite: Rewrite,
    depth: number,
    path: readonly string[],
  ): Answer {
    const child = (part: Rewrite) => this.#rewrite(relation, object, part, depth, path);
    const of = (name: string) => this.#tuples.filter((t) => t.object === object && t.relation === name);
    switch (rewrite.kind) {
      case 'direct': {
        const [type = ''] = this.#user.split(':');
        const own = of(relation.name).some(
          ({ user }) => user === this.#user || (user === `${type}:*` && !this.#user.includes('#')),
        );
        const usersets = of(relation.name).flatMap(({ user }) =>
          user.includes('#') ? [user.split('#')] : [],
        );
        return any([
          own ? yes : no,
          ...usersets.map(([group = '', name = '']) => this.ask(group, name, depth + 1, path)),
        ]);
      }
      case 'computed':
        return this.ask(object, rewrite.relation.name, depth, path);
      case 'from': {
        const targets = of(rewrite.tupleset.name).flatMap(({ user }) => {
          const target = rewrite.targets.get(user.slice(0, user.indexOf(':')));
          return target ? [this.ask(user, target.name, depth + 1, path)] : [];
        });
        return any(targets);
      }
      case 'union':
        return any(rewrite.children.map(child));
      case 'intersection': {
        const operands = rewrite.children.map(child);
        const denied = operands.find((operand) => operand !== 'too deep' && !operand.allowed);
        return denied ?? (operands.includes('too deep') ? 'too deep' : yes);
      }
      default: {
        const base = child(rewrite.base);
        const subtracted = child(rewrite.subtract);
        if (base !== 'too deep' && !base.allowed) return base;
        if (subtracted !== 'too deep' && (subtracted.allowed || subtracted.cycle)) {
          return { allowed: false, cycle: subtracted.cycle };
        }
        return base === 'too deep' || subtracted === 'too deep' ? 'too deep' : yes;
      }
    }
  }
}

function any(operands: readonly Answer[]): Answer {
  if (operands.some((operand) => operand !== 'too deep' && operand.allowed)) return yes;
  if (operands.includes('too deep')) return 'too deep';
  return { allowed: false, cycle: operands.some((operand) => operand !== 'too deep' && operand.cycle) };
}

/** Mulberry32: a world can be made again from its number. */
function randomness(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const models = [
  model(`
type group
  relations
    define member: [user, user:*, group#member, group#active]
    define banned: [user, group#member]
    define active: member but not banned
type document
  relations
    define parent: [document]
    define blocked: [user, group#active, document#viewer]
    define viewer: [user, group#member, group#active] or viewer from parent
    define can_read: (viewer but not blocked) or can_read from parent
    define both: viewer and can_read`),
  model(`
type document
  relations
    define parent: [document]
    define a: [user, document#b] or b from parent
    define b: [user, document#a] but not c
    define c: [user, document#d] and d
    define d: [user, document#a, document#c] or c from parent`),
  model(`
type group
  relations
    define a: [user, group#a, group#b]
    define b: [user, group#a, group#c] and c
    define c: [user, group#b, group#c]
    define d: a but not b`),
  model(`
type group
  relations
    define a: [user, group#a, group#b]
    define b: a but not c
    define c: [user, group#b]
    define d: a and b`),
];

function world(seed: number): { of: Model; tuples: Tuple[]; questions: Tuple[] } {
  const random = randomness(seed);
  const of = models[seed % models.length] ?? model('');
  const relations = of.relations.filter(({ type }) => type !== 'user');
  const pick = <T>(items: readonly T[]): T => {
    const item = items[random(items.length)];
    if (item === undefined) throw new RangeError('nothing to pick from');
    return item;
  };
  const objectOf = (type: string) => `${type}:${random(4)}`;
  const user = (): string => {
    const { type, name } = pick(relations);
    return pick([
      'user:a',
      'user:b',
      'user:*',
      objectOf(type),
      `${objectOf(type)}#${name}`,
      `${objectOf(type)}#${name}`,
    ]);
  };
  const line = (): Tuple => {
    const { type, name } = pick(relations);
    return tuple(`${objectOf(type)}#${name}@${user()}`);
  };
  const tuples = Array.from({ length: 5 + random(55) }, line).filter(
    (made) => tupleProblem(of, made) === undefined,
  );
  const asked = relations.flatMap(({ type, name }) =>
    [0, 1, 2, 3].flatMap((id) => ['user:a', 'user:b'].map((who) => tuple(`${type}:${id}#${name}@${who}`))),
  );
  return { of, tuples, questions: [...asked, ...Array.from({ length: 20 }, line)] };
}

/** Two paths of an `and` may disagree about a cycle, and OpenFGA answers by whichever is first. */
describe('what one evaluator remembers', () => {
  it('never changes an answer, in 400 random worlds', () => {
    const wrong: unknown[] = [];
    const kinds = { allowed: 0, denied: 0, error: 0 };
    for (let seed = 0; seed < 400; seed += 1) {
      const { of, tuples, questions } = world(seed);
      const evaluator = new Evaluator(of, new TupleGraph(tuples));
      for (const question of questions) {
        const { kind } = evaluator.check(question);
        kinds[kind] += 1;
        const answer = new Naive(of, tuples, question.user).ask(question.object, question.relation);
        const expected = answer === 'too deep' ? 'error' : answer.allowed ? 'allowed' : 'denied';
        if (kind !== expected) wrong.push({ seed, question, kind, expected });
      }
    }
    expect(wrong).toEqual([]);
    expect(kinds.allowed).toBeGreaterThan(1_000);
    expect(kinds.denied).toBeGreaterThan(1_000);
  });
});
