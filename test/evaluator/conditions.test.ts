import { describe, expect, it } from 'vitest';
import { Condition } from '../../src/evaluator/condition/condition.ts';
import { asker, model, tuple } from './world.ts';

type Parameters = Readonly<Record<string, string>>;

function condition(expression: string, parameters: Parameters = {}): Condition {
  const types = Object.entries(parameters).map(([name, type]) => {
    const [, outer = '', inner] = /^(\w+)(?:<(.+)>)?$/.exec(type) ?? [];
    const generic = inner ? { generic_types: [{ type_name: `TYPE_NAME_${inner.toUpperCase()}` }] } : {};
    return [name, { type_name: `TYPE_NAME_${outer.toUpperCase()}`, ...generic }];
  });
  return new Condition({ name: 'test', expression, parameters: Object.fromEntries(types) });
}

describe('a parameter of a condition', () => {
  it.each<[string, unknown, string, boolean]>([
    ['int', 7, 'x == 7', true],
    ['int', '7', 'x == 7', true],
    ['int', '9223372036854775807', 'x == 9223372036854775807', true],
    ['uint', 7, 'x == 7u', true],
    ['double', 1.5, 'x > 1.0', true],
    ['double', '0.5', 'x == 0.5', true],
    ['bool', true, 'x', true],
    ['string', 'né', 'x.size() == 2', true],
    ['duration', '1h30m', 'x > duration("89m")', true],
    ['duration', '1ns', 'x > duration("0s")', true],
    ['timestamp', '2024-01-01T00:00:00.000000001Z', 'x > timestamp("2024-01-01T00:00:00Z")', true],
    ['timestamp', '2024-01-01T01:00:00+01:00', 'x == timestamp("2024-01-01T00:00:00Z")', true],
    ['timestamp', '2024-02-29T10:00:00Z', 'x.getMonth() == 1 && x.getDayOfMonth() == 28', true],
    ['timestamp', '2024-01-01T00:00:00Z', 'x + duration("24h") == timestamp("2024-01-02T00:00:00Z")', true],
    ['list<string>', ['a', 'b'], '"b" in x', true],
    ['list<int>', [1, 2, 3], 'x.all(i, i < 3)', false],
    ['map<int>', { a: 1 }, 'x.a == 1 && has(x.a) && !has(x.b)', true],
    ['any', { a: [{ b: 1 }] }, 'x.a[0].b == 1', true],
    ['ipaddress', '10.1.2.3', 'x.in_cidr("10.1.0.0/16")', true],
    ['ipaddress', '10.2.2.3', 'x.in_cidr("10.1.0.0/16")', false],
    ['ipaddress', '::ffff:10.1.2.3', 'x.in_cidr("10.1.0.0/16")', true],
    ['ipaddress', '2001:db8::1', 'x.in_cidr("2001:db8::/32") && x == ipaddress("2001:DB8::1")', true],
    ['string', 'Anne', 'x.matches("^(?:anne|Anne)$")', true],
  ])('%s %j makes %s %s', (type, value, expression, expected) => {
    expect(condition(expression, { x: type }).isMet({ x: value }, undefined)).toBe(expected);
  });

  it.each<[string, unknown]>([
    ['int', 1.5],
    ['int', 'one'],
    ['int', true],
    ['uint', -1],
    ['double', '0.1'],
    ['double', Number.POSITIVE_INFINITY],
    ['bool', 'true'],
    ['string', 1],
    ['duration', '1 hour'],
    ['timestamp', '2024-02-30T00:00:00Z'],
    ['timestamp', '2024-01-01'],
    ['ipaddress', '010.1.1.1'],
    ['ipaddress', '10.1'],
    ['list<string>', ['a', 1]],
    ['map<int>', [1]],
  ])('of type %s is not %j', (type, value) => {
    expect(() => condition('x == x', { x: type }).isMet({ x: value }, undefined)).toThrow(/parameter 'x'/);
  });

  it('must be there, even where the expression would not need it', () => {
    const either = condition('x || y', { x: 'bool', y: 'bool' });
    expect(() => either.isMet({ x: true }, undefined)).toThrow(/missing context parameters '\[y\]'/);
    expect(either.isMet({ x: true }, { y: false })).toBe(true);
  });

  it("of the tuple wins over the request's", () => {
    expect(condition('x == 1', { x: 'int' }).isMet({ x: 2 }, { x: 1 })).toBe(true);
  });
});

describe('an expression', () => {
  it.each([
    ['does not parse', 'x <', {}],
    ['is no bool', 'x', { x: 'int' }],
    ['is of unknown type', 'x', { x: 'any' }],
    ['names what is not declared', 'y == 1', { x: 'int' }],
    ['mixes types', 'x == "a"', { x: 'int' }],
    ['compares numbers of two types', 'x < 1.5', { x: 'int' }],
    ['has a pattern that RE2 refuses', 'x.matches("a(?=b)")', { x: 'string' }],
    ['calls what cel-go does not have', 'x.lowerAscii() == "a"', { x: 'string' }],
    ['holds a malformed timestamp', 'x < timestamp("yesterday")', { x: 'timestamp' }],
  ])('that %s is refused', (_, expression, parameters) => {
    expect(() => condition(expression, parameters)).toThrow(/failed to compile/);
  });

  it('hides the error of one operand where the other decides', () => {
    expect(condition('x[5] == "a" || true', { x: 'list<string>' }).isMet({ x: [] }, undefined)).toBe(true);
    expect(() =>
      condition('x[5] == "a" || false', { x: 'list<string>' }).isMet({ x: [] }, undefined),
    ).toThrow(/index out of bounds/);
  });
});

/** Prices by hand from cel-go's rules. */
describe('the cost of an evaluation', () => {
  it.each<[string, Parameters, Record<string, unknown>, number]>([
    ['x < 100', { x: 'int' }, { x: 1 }, 2],
    ['x == "a"', { x: 'string' }, { x: 'a' }, 2],
    ['x == y', { x: 'string', y: 'string' }, { x: 'a'.repeat(95), y: 'b'.repeat(200) }, 12],
    ['x.startsWith("0123456789a")', { x: 'string' }, { x: 'a' }, 3],
    ['x in y', { x: 'string', y: 'list<string>' }, { x: 'a', y: ['b', 'c', 'd'] }, 5],
    ['x in ["a", "b"]', { x: 'string' }, { x: 'a' }, 1],
    ['x < timestamp("2024-01-01T00:00:00Z")', { x: 'timestamp' }, { x: '2023-01-01T00:00:00Z' }, 2],
    ['m.a.b == 1.0', { m: 'any' }, { m: { a: { b: 1 } } }, 4],
    ['x || y', { x: 'bool', y: 'bool' }, { x: true, y: true }, 1],
    ['x.a.b == 1.0 || y', { x: 'any', y: 'bool' }, { x: {}, y: true }, 3],
    ['-x == -1', { x: 'int' }, { x: 1 }, 3],
    ['x.all(i, i > 0)', { x: 'list<int>' }, { x: [1, 2] }, 1 + 2 * (2 + 1 + 2) + 1],
    ['x.exists(i, i > 0)', { x: 'list<int>' }, { x: [1, 2] }, 1 + (3 + 1 + 2) + 3 + 1],
    ['x.filter(i, i > 1).size() == 1', { x: 'list<int>' }, { x: [1, 2] }, 1 + 2 * 2 + 13 + 1 + 1 + 1],
  ])('%s', (expression, parameters, context, cost) => {
    expect(condition(expression, parameters).costOf(context)).toBe(cost);
  });

  it('has a limit of 100', () => {
    const member = condition('x in y', { x: 'int', y: 'list<int>' });
    expect(member.isMet({ x: 3, y: Array.from({ length: 98 }, () => 3) }, undefined)).toBe(true);
    expect(() => member.isMet({ x: 3, y: Array.from({ length: 99 }, () => 3) }, undefined)).toThrow(
      /cost limit exceeded/,
    );
  });

  it('cannot be hidden by an operand that decides', () => {
    const hidden = condition('x in y || true', { x: 'int', y: 'list<int>' });
    const context = { x: 3, y: Array.from({ length: 200 }, () => 0) };
    expect(() => hidden.isMet(context, undefined)).toThrow(/cost limit exceeded/);
  });
});

describe('a tuple with a condition', () => {
  const conditional = model(`
type group
  relations
    define member: [user]
type document
  relations
    define viewer: [user with small, user:*, group#member with small]
condition small(x: int) {
  x < 10
}`);
  const small = { name: 'small' };

  it('counts by the context, and fails the check without one', () => {
    const tuples = [tuple('document:1#viewer@user:anne', small)];
    expect(asker(conditional, tuples, { context: { x: 1 } })('document:1#viewer@user:anne')).toBe('allowed');
    expect(asker(conditional, tuples, { context: { x: 10 } })('document:1#viewer@user:anne')).toBe('denied');
    expect(asker(conditional, tuples)('document:1#viewer@user:anne')).toBe('validation_error');
    expect(asker(conditional, tuples)('document:1#viewer@user:bob')).toBe('denied');
    expect(
      asker(conditional, [...tuples, tuple('document:1#viewer@user:*')])('document:1#viewer@user:anne'),
    ).toBe('allowed');
  });

  it('that fails is forgotten where another of the same read is met', () => {
    const both = [
      tuple('document:1#viewer@group:a#member', small),
      tuple('document:1#viewer@group:b#member', { name: 'small', context: { x: 1 } }),
    ];
    expect(asker(conditional, both)('document:1#viewer@user:anne')).toBe('denied');
    expect(asker(conditional, both.slice(0, 1))('document:1#viewer@user:anne')).toBe('validation_error');
  });

  it('is no answer for another context', () => {
    const tuples = [tuple('document:1#viewer@user:anne', small)];
    const contextual = { contextualTuples: tuples, context: { x: 1 } };
    expect(asker(conditional, [], contextual)('document:1#viewer@user:anne')).toBe('allowed');
    expect(asker(conditional, [])('document:1#viewer@user:anne')).toBe('denied');
  });
});
