import { describe, expect, it } from 'vitest';
import { Evaluator } from '../../src/evaluator/evaluator.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import { TupleGraph } from '../../src/evaluator/tuple-graph.ts';
import { explain } from '../../src/permission-index/explain.ts';
import { compilePlan } from '../../src/permission-index/plan.ts';
import { RelationshipGraph } from '../../src/permission-index/relationship-graph.ts';
import { walk } from '../../src/permission-index/walk.ts';

type Shape = {
  readonly name: string;
  /** What comes after `type user` and `type agent`. */
  readonly model: string;
  /** `user relation object`. */
  readonly tuples: readonly string[];
  readonly found: readonly string[];
  /** Documents that the engine denies although they are found. */
  readonly denied?: readonly string[];
};

const group = `
type group
  relations
    define member: [user, user:*, group#member]`;

const shapes: readonly Shape[] = [
  {
    name: 'everybody as a member of a group',
    model: `${group}
type document
  relations
    define can_read: [group#member]`,
    tuples: [
      'user:* member group:all',
      'group:all#member can_read document:a',
      'group:few#member can_read document:b',
    ],
    found: ['document:a'],
  },
  {
    name: 'a computed userset as a subject',
    model: `
type team
  relations
    define lead: [user]
    define member: [user] or lead
type document
  relations
    define can_read: [team#lead, team#member]`,
    tuples: ['user:anne lead team:x', 'team:x#member can_read document:a', 'team:x#lead can_read document:b'],
    found: ['document:a', 'document:b'],
  },
  {
    name: 'a manager from the owner, whom no tuple on the document names',
    model: `
type person
  relations
    define manager: [user]
type document
  relations
    define owner: [person]
    define can_read: manager from owner`,
    tuples: ['user:anne manager person:bob', 'person:bob owner document:a', 'person:carl owner document:b'],
    found: ['document:a'],
  },
  {
    name: 'membership that depends on folders shared to groups',
    model: `
type group
  relations
    define home: [folder]
    define member: [user] or viewer from home
type folder
  relations
    define viewer: [user, group#member]
type document
  relations
    define parent: [folder]
    define can_read: viewer from parent`,
    tuples: [
      'user:anne viewer folder:one',
      'folder:one home group:g',
      'group:g#member viewer folder:two',
      'folder:two parent document:a',
      'folder:three parent document:b',
    ],
    found: ['document:a'],
  },
  {
    name: 'readers of a document as a subject',
    model: `
type document
  relations
    define can_read: [user, document#can_read]`,
    tuples: [
      'user:anne can_read document:a',
      'document:a#can_read can_read document:b',
      'document:c#can_read can_read document:d',
    ],
    found: ['document:a', 'document:b'],
  },
  {
    name: 'documents below documents, in a circle',
    model: `
type document
  relations
    define parent: [document]
    define can_read: [user] or can_read from parent`,
    tuples: [
      'user:anne can_read document:a',
      'document:a parent document:b',
      'document:b parent document:c',
      'document:c parent document:a',
      'document:d parent document:e',
    ],
    found: ['document:a', 'document:b', 'document:c'],
  },
  {
    name: 'an exclusion, of which the base counts',
    model: `
type document
  relations
    define blocked: [user]
    define viewer: [user]
    define can_read: viewer but not blocked`,
    tuples: ['user:anne viewer document:a', 'user:anne viewer document:b', 'user:anne blocked document:b'],
    found: ['document:a', 'document:b'],
    denied: ['document:b'],
  },
  {
    name: 'two things at once',
    model: `
type document
  relations
    define cleared: [user, user:*]
    define viewer: [user]
    define can_read: viewer and cleared`,
    tuples: [
      'user:anne viewer document:a',
      'user:* cleared document:a',
      'user:anne viewer document:b',
      'user:anne cleared document:c',
    ],
    found: ['document:a'],
  },
  {
    name: 'groups within each other, in a circle',
    model: `${group}
type document
  relations
    define can_read: [group#member]`,
    tuples: [
      'user:anne member group:a',
      'group:a#member member group:b',
      'group:b#member member group:a',
      'group:b#member can_read document:a',
    ],
    found: ['document:a'],
  },
  {
    name: 'what is public to people, and not to agents',
    model: `
type document
  relations
    define can_read: [user, user:*, agent, agent:*]`,
    tuples: ['user:* can_read document:a', 'agent:* can_read document:b'],
    found: ['document:a'],
  },
];

const named = (shape: Shape) => {
  const model = modelFromDsl(`model
  schema 1.1
type user
type agent
${shape.model}`);
  const tuples = shape.tuples.map((text) => {
    const [user = '', relation = '', object = ''] = text.split(' ');
    return { user, relation, object };
  });
  const graph = new RelationshipGraph(compilePlan(model, { type: 'document', relation: 'can_read' }));
  for (const tuple of tuples) graph.add(tuple);
  return { model, tuples, graph };
};

describe('a scope where there is', () => {
  it.each(shapes)('$name', (shape) => {
    const { model, tuples, graph } = named(shape);
    const found = new Set<string>();
    expect(walk(graph, 'user:anne', (object) => found.add(graph.nameOf(object)))).toBe(true);
    expect([...found].toSorted()).toEqual(shape.found);

    const evaluator = new Evaluator(model, new TupleGraph(tuples));
    const allowed = shape.found.filter(
      (object) => evaluator.check({ user: 'user:anne', relation: 'can_read', object }).kind === 'allowed',
    );
    expect(allowed).toEqual(shape.found.filter((object) => !shape.denied?.includes(object)));
  });

  it.each(shapes)('and an explanation: $name', (shape) => {
    const { tuples, graph } = named(shape);
    const known = new Set(tuples.map(({ user, relation, object }) => `${user} ${relation} ${object}`));
    for (const object of shape.found) {
      const way = explain(graph, 'user:anne', object) ?? [];
      expect(way.length).toBeGreaterThan(0);
      for (const link of way) {
        if (link.kind === 'tuple') expect(known).toContain(`${link.user} ${link.relation} ${link.object}`);
        if (link.kind === 'from') expect(known).toContain(`${link.parent} ${link.tupleset} ${link.object}`);
      }
      expect(way.at(-1)).toMatchObject({ relation: 'can_read', object });
    }
    expect(explain(graph, 'user:anne', 'document:unknown')).toBeUndefined();
    expect(explain(graph, 'user:stranger', 'document:unknown')).toBeUndefined();
  });
});

it('a walk that would take too long says so, and not that there is nothing', () => {
  const shape = shapes.find(({ name }) => name.startsWith('groups within')) ?? shapes[0];
  if (shape === undefined) throw new Error('no shape');
  const { graph } = named(shape);
  expect(walk(graph, 'user:anne', () => {}, { maxSteps: 2 })).toBe(false);
  expect(walk(graph, 'user:anne', () => {}, { maxSteps: 10 })).toBe(true);
});
