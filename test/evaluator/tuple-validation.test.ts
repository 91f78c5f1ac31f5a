import { describe, expect, it } from 'vitest';
import { tupleProblem } from '../../src/evaluator/validate.ts';
import type { TupleCondition } from '../../src/types/tuple.ts';
import { asker, model, tuple } from './world.ts';

const documents = model(`
type group
  relations
    define member: [user, user:*, group#member]
type folder
  relations
    define viewer: [user]
type document
  relations
    define parent: [folder]
    define viewer: [user, user with small, group#member with small]
    define can_read: viewer or viewer from parent
    define friend: [user with other]
condition small(x: int) {
  x < 10
}
condition other(y: string) {
  y == "a"
}`);

const small = (context?: TupleCondition['context']): TupleCondition =>
  context ? { name: 'small', context } : { name: 'small' };

describe('a tuple that may be written', () => {
  it.each([
    tuple('document:1#viewer@user:anne'),
    tuple('document:1#viewer@user:anne', small()),
    tuple('document:1#viewer@user:anne', small({ x: 1 })),
    tuple('document:1#viewer@group:eng#member', small({ x: '1' })),
    tuple('document:1#parent@folder:a'),
    tuple('group:eng#member@user:*'),
    tuple('group:eng#member@group:ops#member'),
    tuple('document:ünï/co@de#viewer@user:anne@example.com'),
    tuple(`document:${'d'.repeat(247)}#viewer@user:anne`),
    tuple(`document:1#viewer@user:${'a'.repeat(507)}`),
  ])('%j', (good) => {
    expect(tupleProblem(documents, good)).toBeUndefined();
  });
});

describe('a tuple that may not be written', () => {
  it.each([
    [tuple('document:1#viewer@anne'), /'user' field must be/],
    [tuple('document:1#viewer@user:an ne'), /'user' field must be/],
    [tuple('document:1#viewer@user:a:b'), /'user' field must be/],
    [tuple('document:1#viewer@*'), /'user' field must be/],
    [tuple('document:1#viewer@group:*#member'), /'user' field must be/],
    [
      tuple('document:1#viewer@employee:anne'),
      /type 'employee' not found; the model has user, group, folder, document/,
    ],
    [tuple('document:1#viewer@group:eng#owner'), /'group#owner' not found; the type has member/],
    [{ object: 'document', relation: 'viewer', user: 'user:anne' }, /'object' field format/],
    [{ object: 'document:a b', relation: 'viewer', user: 'user:anne' }, /'object' field format/],
    [{ object: 'document:a#b', relation: 'viewer', user: 'user:anne' }, /'object' field format/],
    [{ object: 'document:a:b', relation: 'viewer', user: 'user:anne' }, /'object' field format/],
    [{ object: 'document:\u0007', relation: 'viewer', user: 'user:anne' }, /'object' field format/],
    [tuple('document:*#viewer@user:anne'), /typed wildcard/],
    [tuple('page:1#viewer@user:anne'), /type 'page' not found/],
    [
      tuple('document:1#owner@user:anne'),
      /'document#owner' not found; the type has parent, viewer, can_read, friend/,
    ],
    [{ object: 'document:1', relation: 'view er', user: 'user:anne' }, /malformed/],
    [tuple('document:1#can_read@user:anne'), /not an allowed type restriction for 'document#can_read'/],
    [tuple('document:1#viewer@user:*'), /'user:\*' is not an allowed type restriction/],
    [tuple('document:1#viewer@folder:a'), /'folder' is not an allowed type restriction/],
    [tuple('document:1#parent@folder:a#viewer'), /tupleset/],
    [tuple('document:1#parent@folder:*'), /tupleset/],
    [tuple('group:eng#member@group:eng#member'), /implicit/],
    [tuple('document:1#viewer@group:eng#member'), /condition is missing/],
    [
      tuple('document:1#viewer@user:anne', { name: 'none' }),
      /undefined condition 'none'; the model has small, other/,
    ],
    [tuple('document:1#viewer@user:anne', { name: 'other' }), /invalid condition 'other'/],
    [tuple('document:1#viewer@user:anne', small({ y: 1 })), /invalid context parameter: y/],
    [tuple('document:1#viewer@user:anne', small({ x: 'one' })), /'x'/],
    [tuple('document:1#viewer@user:anne', small({ x: '1\n' })), /forbidden/],
    [tuple(`document:${'d'.repeat(248)}#viewer@user:anne`), /'object' field is too long/],
    [tuple(`document:${'ü'.repeat(124)}#viewer@user:anne`), /'object' field is too long/],
    [tuple(`document:1#viewer@user:${'a'.repeat(508)}`), /'user' field is too long/],
  ])('%j', (bad, problem) => {
    expect(tupleProblem(documents, bad)).toMatch(problem);
  });
});

describe('a stored tuple that the model no longer allows', () => {
  it('counts as absent', () => {
    const tuples = [
      tuple('document:1#viewer@user:*'),
      tuple('document:2#viewer@group:eng#member'),
      tuple('group:eng#member@user:anne'),
    ];
    const ask = asker(documents, tuples);
    expect(ask('document:1#viewer@user:anne')).toBe('denied');
    expect(ask('document:2#viewer@user:anne')).toBe('denied');
  });
});

describe('a check', () => {
  it.each([
    'document:1#viewer@anne',
    'document:1#viewer@employee:anne',
    'document:1#viewer@group:eng#owner',
    'document:*#viewer@user:anne',
    'document:1#owner@user:anne',
    'page:1#viewer@user:anne',
  ])('of %s is refused', (question) => {
    expect(asker(documents, [])(question)).toBe('validation_error');
  });

  it('with an invalid contextual tuple is refused', () => {
    const contextualTuples = [tuple('document:1#viewer@folder:a')];
    expect(asker(documents, [], { contextualTuples })('document:2#viewer@user:anne')).toBe('invalid_tuple');
  });

  it('with a contextual tuple leaves the stored ones as they are', () => {
    const stored = [tuple('document:1#parent@folder:a')];
    const contextualTuples = [tuple('folder:a#viewer@user:anne'), tuple('document:1#parent@folder:b')];
    expect(asker(documents, stored, { contextualTuples })('document:1#can_read@user:anne')).toBe('allowed');
    expect(asker(documents, stored)('document:1#can_read@user:anne')).toBe('denied');
  });

  it("looks the user's own tuple up, where a contextual one hides the stored one, but reads those for everybody", () => {
    const conditional = model(`
type document
  relations
    define viewer: [user with small, user:* with small]
condition small(x: int) {
  x < 10
}`);
    for (const [user, expected] of [
      ['user:anne', 'denied'],
      ['user:*', 'allowed'],
    ]) {
      const of = (x: number) => tuple(`document:1#viewer@${user}`, { name: 'small', context: { x } });
      const ask = asker(conditional, [of(1)], { contextualTuples: [of(99)] });
      expect(ask('document:1#viewer@user:anne')).toBe(expected);
    }
  });
});
