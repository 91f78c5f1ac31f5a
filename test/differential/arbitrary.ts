import fc from 'fast-check';
import { conditionNames, type Pick, parameterNames } from './conditions.ts';
import {
  type ListQuestion,
  PARENT,
  type Question,
  type RestrictionSketch,
  type RewriteSketch,
  type Sketch,
  type TupleSketch,
  type TypeSketch,
} from './sketch.ts';

// What comes first is what fast-check shrinks to.
const type = fc.constantFrom('document', 'folder', 'group');
const relation = fc.constantFrom('a', 'b', 'c');
const object = fc
  .tuple(type, fc.constantFrom('1', '1', '1', '2', '2', '2', '3'))
  .map(([of, id]) => `${of}:${id}`);
const userset = fc.tuple(object, relation).map(([of, name]) => `${of}#${name}`);
const condition = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom(...conditionNames) },
);
const pick = fc.constantFrom<Pick>(0, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4);

const plain = fc.constantFrom('user', 'user', 'user', 'agent', 'user:*', 'agent:*');
const label = fc.oneof(
  { weight: 3, arbitrary: plain },
  { weight: 6, arbitrary: fc.tuple(type, relation).map(([of, name]) => `${of}#${name}`) },
  { weight: 1, arbitrary: type },
);

function optional<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { freq: 20, nil: undefined });
}

function restriction(of: fc.Arbitrary<string>): fc.Arbitrary<RestrictionSketch> {
  return fc.record({ label: of, condition });
}

/** As the language has it: a direct part comes first, and only once. */
const { rewrite } = fc.letrec<{ rewrite: RewriteSketch; rest: RewriteSketch }>((tie) => {
  const direct = fc.record({
    kind: fc.constant('direct' as const),
    users: fc
      .tuple(restriction(plain), fc.array(restriction(label), { maxLength: 3, size: 'max' }))
      .map(([first, others]) => [first, ...others]),
  });
  const computed = fc.record({ kind: fc.constant('computed' as const), relation });
  const from = fc.record({ kind: fc.constant('from' as const), relation });
  const group = (first: fc.Arbitrary<RewriteSketch>) =>
    fc
      .tuple(
        fc.constantFrom('union', 'union', 'exclusion', 'exclusion', 'intersection'),
        first,
        tie('rest'),
        fc.option(tie('rest')),
      )
      .map(([kind, a, b, c]): RewriteSketch => {
        if (kind === 'exclusion') return { kind, base: a, subtract: b };
        return { kind: kind === 'union' ? 'union' : 'intersection', children: c ? [a, b, c] : [a, b] };
      });
  const options = { maxDepth: 2, depthSize: 'small', withCrossShrink: true } as const;
  return {
    rewrite: fc.oneof(
      options,
      { weight: 8, arbitrary: direct },
      { weight: 1, arbitrary: computed },
      { weight: 1, arbitrary: from },
      { weight: 10, arbitrary: group(tie('rewrite')) },
    ),
    rest: fc.oneof(
      options,
      { weight: 3, arbitrary: computed },
      { weight: 3, arbitrary: from },
      { weight: 2, arbitrary: group(tie('rest')) },
    ),
  };
});

const typeSketch: fc.Arbitrary<TypeSketch> = fc.record({
  parents: fc.array(restriction(type), { maxLength: 3, size: 'max' }),
  // Optional for shrinking's sake.
  relations: fc.record({ a: optional(rewrite), b: optional(rewrite), c: optional(rewrite) }),
});

const person = fc.constantFrom('user:x', 'user:x', 'user:x', 'user:y', 'agent:x', 'user:*');

const tuple: fc.Arbitrary<TupleSketch> = fc.record({
  object,
  relation: fc.constantFrom('a', 'b', 'c', PARENT),
  restriction: fc.nat(11),
  id: fc.constantFrom(0, 0, 0, 1, 1, 1, 2),
  context: fc.tuple(pick, pick, pick),
  stray: optional(fc.oneof(person, userset, object)),
});

const user = fc.oneof(
  { weight: 8, arbitrary: person },
  { weight: 1, arbitrary: fc.constant('user:stranger') },
  { weight: 2, arbitrary: userset },
  { weight: 1, arbitrary: object },
);
const asked = fc.oneof(
  { weight: 40, arbitrary: relation },
  { weight: 1, arbitrary: fc.constantFrom(PARENT, 'unknown') },
);
const question: fc.Arbitrary<Question> = fc.record({ user, relation: asked, object });
const list: fc.Arbitrary<ListQuestion> = fc.record({
  user,
  relation,
  object,
  filter: fc.oneof(
    fc.constantFrom('user', 'agent'),
    fc.tuple(type, relation).map(([of, name]) => `${of}#${name}`),
  ),
});

export const sketches: fc.Arbitrary<Sketch> = fc.record({
  questions: fc.array(question, { maxLength: 75, size: 'max' }),
  lists: fc.array(list, { maxLength: 2, size: 'max' }),
  contextual: fc.array(tuple, { maxLength: 12, size: 'max' }),
  tuples: fc.array(tuple, { maxLength: 250, size: 'max' }),
  types: fc.record({ document: typeSketch, folder: typeSketch, group: typeSketch }),
  context: fc.tuple(...parameterNames.map(() => pick)),
  schema: fc.constantFrom('1.1', '1.2'),
});
