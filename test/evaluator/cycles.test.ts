import { describe, expect, it } from 'vitest';
import { Evaluator } from '../../src/evaluator/evaluator.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { asker, model, tuple } from './world.ts';

const documents = model(`
type group
  relations
    define member: [user, group#member]
type document
  relations
    define reader: [user, group#member]
    define blocked: [user, group#member]
    define can_read: reader but not blocked
    define both: reader and blocked
    define either: reader or blocked
`);

const loop = [tuple('group:a#member@group:b#member'), tuple('group:b#member@group:a#member')];

describe('cycles', () => {
  it('end in denied, and leave other ways alone', () => {
    const ask = asker(documents, [
      ...loop,
      tuple('group:b#member@user:anne'),
      tuple('document:1#reader@group:a#member'),
    ]);
    expect(ask('document:1#reader@user:anne')).toBe('allowed');
    expect(ask('document:1#reader@user:bob')).toBe('denied');
    expect(ask('group:a#member@user:anne')).toBe('allowed');
    expect(ask('group:b#member@user:bob')).toBe('denied');
  });

  it('deny on the subtracted side of `but not`, as OpenFGA does', () => {
    const readers = [tuple('document:1#reader@user:anne'), tuple('document:2#reader@user:anne')];
    const blocked = [...loop, tuple('document:1#blocked@group:a#member')];
    const ask = asker(documents, [...readers, ...blocked]);
    expect(ask('document:1#can_read@user:anne')).toBe('denied');
    expect(ask('document:2#can_read@user:anne')).toBe('allowed');
    expect(ask('document:1#either@user:anne')).toBe('allowed');
  });

  it('deny there also when the cycle was known before', () => {
    const ask = asker(documents, [
      ...loop,
      tuple('document:1#reader@user:anne'),
      tuple('document:1#blocked@group:b#member'),
    ]);
    expect(ask('group:a#member@user:anne')).toBe('denied');
    expect(ask('document:1#can_read@user:anne')).toBe('denied');
  });

  it('through an exclusion give each question its own answer, in any order', () => {
    const nodes = model(`
type node
  relations
    define hidden: [user]
    define next: [node]
    define seen: [user] or kept
    define kept: seen from next but not hidden
`);
    const tuples = [
      tuple('node:1#next@node:2'),
      tuple('node:2#next@node:1'),
      tuple('node:2#seen@user:anne'),
      tuple('node:1#hidden@user:bob'),
    ];
    const questions = ['node:1#kept', 'node:2#kept', 'node:1#seen', 'node:2#seen'].flatMap((node) => [
      `${node}@user:anne`,
      `${node}@user:bob`,
    ]);
    const alone = questions.map((question) => asker(nodes, tuples)(question));
    for (const order of [questions, questions.toReversed()]) {
      const ask = asker(nodes, tuples);
      const together = new Map(order.map((question) => [question, ask(question)]));
      expect(questions.map((question) => together.get(question))).toEqual(alone);
    }
  });

  it('do not make a dense graph of groups slow', () => {
    const names = Array.from({ length: 30 }, (_, i) => `group:${i}`);
    const dense = names
      .flatMap((a) => names.map((b) => tuple(`${a}#member@${b}#member`)))
      .filter(({ object, user }) => user !== `${object}#member`);
    const ask = asker(documents, [
      ...dense,
      tuple('document:1#reader@user:anne'),
      tuple('document:1#blocked@group:0#member'),
    ]);
    expect(ask('group:0#member@user:anne')).not.toBe('allowed');
    expect(ask('document:1#can_read@user:anne')).not.toBe('allowed');
  });

  it('end for listing users as well', () => {
    const graph = new TupleGraph([...loop, tuple('group:b#member@user:anne')]);
    const query = { object: 'group:a', relation: 'member', filters: [{ type: 'user' }] };
    expect(new Evaluator(documents, graph).listUsers(query)).toEqual(['user:anne']);
  });
});

describe('what was denied only because of a cycle', () => {
  it('is asked again once that turns out to be allowed', () => {
    const ask = asker(documents, [
      tuple('group:a#member@group:b#member'),
      tuple('group:a#member@group:c#member'),
      tuple('group:b#member@group:a#member'),
      tuple('group:c#member@user:anne'),
    ]);
    expect(ask('group:a#member@user:anne')).toBe('allowed');
    expect(ask('group:b#member@user:anne')).toBe('allowed');
  });
});
