import { describe, expect, it } from 'vitest';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { tuple } from './world.ts';

const tuples = [
  tuple('document:1#viewer@user:anne'),
  tuple('document:1#viewer@group:eng#member'),
  tuple('document:1#parent@folder:a'),
  tuple('document:2#viewer@user:anne'),
  tuple('group:eng#member@user:*'),
];

describe('a tuple graph', () => {
  it('finds tuples by object, by user and by type', () => {
    const graph = new TupleGraph(tuples);
    expect(graph.size).toBe(5);
    expect([...graph.ofObject('document:1')]).toEqual(tuples.slice(0, 3));
    expect([...graph.mentioning('user:anne')]).toEqual([tuples[0], tuples[3]]);
    expect([...graph.mentioning('group:eng')]).toEqual([tuples[1]]);
    expect([...graph.mentioning('user:*')]).toEqual([tuples[4]]);
    expect([...graph.objectsOfType('document')]).toEqual(['document:1', 'document:2']);
  });

  it('forgets a deleted tuple everywhere', () => {
    const graph = new TupleGraph(tuples);
    for (const deleted of tuples) graph.delete(deleted);
    graph.delete(tuple('document:1#viewer@user:anne'));
    expect(graph.size).toBe(0);
    expect(tuples.some((gone) => graph.has(gone))).toBe(false);
    expect([
      ...graph.ofObject('document:1'),
      ...graph.mentioning('user:anne'),
      ...graph.objectsOfType('document'),
    ]).toEqual([]);
  });

  it('keeps one tuple a key, the latest', () => {
    const graph = new TupleGraph(tuples);
    const conditional = tuple('document:1#viewer@user:anne', { name: 'small' });
    graph.add(conditional);
    expect(graph.size).toBe(5);
    expect([...graph.mentioning('user:anne')]).toContain(conditional);
    expect(graph.has(tuple('document:1#viewer@user:anne'))).toBe(true);
  });
});
