import { describe, expect, it } from 'vitest';
import { Evaluator } from '../../src/evaluator/evaluator.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { asker, model, tuple } from './world.ts';

const groups = model(`
type group
  relations
    define member: [user, group#member]
    define banned: [user, group#banned]
    define ok: member but not banned
    define both: member and banned
`);

/** Group 0 contains group 1, and so on; anne is in the last one. */
function chain(hops: number, relation = 'member') {
  const links = Array.from({ length: hops }, (_, i) =>
    tuple(`group:${i}#${relation}@group:${i + 1}#${relation}`),
  );
  return [...links, tuple(`group:${hops}#${relation}@user:anne`)];
}

describe('the resolution depth', () => {
  it('allows 24 hops over tuples and refuses the 25th', () => {
    expect(asker(groups, chain(24))('group:0#member@user:anne')).toBe('allowed');
    expect(asker(groups, chain(25))('group:0#member@user:anne')).toBe('resolution_too_complex');
  });

  it('does not answer from what was found nearer to the end', () => {
    const ask = asker(groups, chain(40));
    expect(ask('group:20#member@user:anne')).toBe('allowed');
    expect(ask('group:10#member@user:anne')).toBe('resolution_too_complex');
    expect(ask('group:16#member@user:anne')).toBe('allowed');
  });

  it('finds a short way beside one that is too long, whichever is asked for first', () => {
    const tuples = [...chain(30), tuple('group:3#member@user:anne')];
    for (const order of [
      ['group:0', 'group:5', 'group:12'],
      ['group:12', 'group:5', 'group:0'],
    ]) {
      const ask = asker(groups, tuples);
      const answers = Object.fromEntries(order.map((group) => [group, ask(`${group}#member@user:anne`)]));
      expect(answers).toEqual({
        'group:0': 'allowed',
        'group:5': 'resolution_too_complex',
        'group:12': 'allowed',
      });
    }
  });

  it('is no error where another operand decides', () => {
    const banned = [...chain(25, 'banned'), tuple('group:0#member@user:anne')];
    expect(asker(groups, banned)('group:0#ok@user:bob')).toBe('denied');
    expect(asker(groups, banned)('group:0#ok@user:anne')).toBe('resolution_too_complex');
    expect(asker(groups, chain(25, 'banned'))('group:0#both@user:anne')).toBe('denied');
    expect(asker(groups, banned)('group:0#both@user:anne')).toBe('resolution_too_complex');
  });

  it('does not count computed relations', () => {
    const names = Array.from({ length: 40 }, (_, i) => `    define r${i}: r${i + 1}`).join('\n');
    const deep = model(`type document\n  relations\n${names}\n    define r40: [user]`);
    expect(asker(deep, [tuple('document:1#r40@user:anne')])('document:1#r0@user:anne')).toBe('allowed');
  });

  it('holds for listing too', () => {
    const graph = new TupleGraph(chain(30));
    const query = { user: 'user:anne', relation: 'member', type: 'group' };
    expect(() => new Evaluator(groups, graph).listObjects(query)).toThrow(/hops/);
    const users = { object: 'group:0', relation: 'member', filters: [{ type: 'user' }] };
    expect(() => new Evaluator(groups, graph).listUsers(users)).toThrow(/hops/);
    expect(new Evaluator(groups, graph).listUsers({ ...users, object: 'group:10' })).toEqual(['user:anne']);
  });
});
