import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import { sentence } from '../../src/permission-index/explain.ts';
import { missingLinks } from '../../src/permission-index/missing.ts';
import { compilePlan } from '../../src/permission-index/plan.ts';
import { RelationshipGraph } from '../../src/permission-index/relationship-graph.ts';
import { MAX_STEPS, walk } from '../../src/permission-index/walk.ts';
import { Ways } from '../../src/permission-index/ways.ts';
import { linksOf } from '../../src/proofs/links.ts';
import { proofRules } from '../../src/proofs/rules.ts';
import { type TupleKey, tupleKey } from '../../src/types/tuple.ts';
import { loadOrganisation, spreadUsers } from '../k8s-acl/data.ts';
import { everyNth } from '../k8s-acl/slice.ts';

const dsl = `model
  schema 1.1
type user
type group
  relations
    define member: [user, user:*, group#member]
type folder
  relations
    define parent: [folder]
    define viewer: [user, group#member] or viewer from parent
type document
  relations
    define parent: [folder]
    define owner: [user]
    define viewer: [user, group#member] or owner or viewer from parent
    define can_read: viewer`;
const model = modelFromDsl(dsl);
const guarded = { type: 'document', relation: 'can_read' };
const tuple = (text: string): TupleKey => {
  const [user = '', relation = '', object = ''] = text.split(' ');
  return { user, relation, object };
};
const tuples = [
  'user:anne member group:eng',
  'group:eng#member member group:all',
  'group:all#member viewer folder:top',
  'folder:top parent folder:sub',
  'folder:sub parent document:deep',
  'folder:top parent document:flat',
  'user:anne owner document:own',
  'folder:top parent document:own',
  'user:* member group:world',
  'group:world#member viewer document:open',
  'user:bob viewer document:his',
].map(tuple);

function graphOf(of: typeof model, from: readonly TupleKey[]): RelationshipGraph {
  const graph = new RelationshipGraph(compilePlan(of, guarded));
  for (const each of from) graph.add(each);
  return graph;
}

describe('the way from a reader to a document', () => {
  const graph = graphOf(model, tuples);
  const ways = new Ways(graph, 'user:anne', MAX_STEPS);

  it.each([
    [
      'deep',
      [
        'user:anne member group:eng',
        'group:eng#member member group:all',
        'group:all#member viewer folder:top',
        'folder:top parent folder:sub',
        'folder:sub parent document:deep',
      ],
    ],
    ['own', ['user:anne owner document:own']],
    ['open', ['user:anne member group:world', 'group:world#member viewer document:open']],
  ])('is the shortest, and each of its steps a relationship or a rule: %s', (name, links) => {
    const chain = ways.to(`document:${name}`) ?? [];
    const claim = { user: 'user:anne', relation: 'can_read', object: `document:${name}` };
    expect(linksOf(proofRules(model), claim, chain)).toEqual(links.map(tuple));
  });

  it.each(['his', 'unknown'])('is not there where there is none: %s', (name) => {
    expect(ways.to(`document:${name}`)).toBeUndefined();
  });

  it('goes with the relationships', () => {
    const changing = graphOf(model, tuples);
    changing.delete(tuple('user:anne owner document:own'));
    const chain = new Ways(changing, 'user:anne', MAX_STEPS).to('document:own') ?? [];
    expect(chain.map(sentence).at(-2)).toContain('relationship "folder:top parent document:own"');
    changing.delete(tuple('folder:top parent document:own'));
    expect(new Ways(changing, 'user:anne', MAX_STEPS).to('document:own')).toBeUndefined();
  });
});

describe('what is missing', () => {
  const missing = async (user: string, object: string) => {
    const usersets = new Ways(graphOf(model, tuples), user, MAX_STEPS).usersets();
    const on = async (of: string) => tuples.filter((each) => each.object === of);
    const found = await missingLinks(model, { user, relation: 'can_read', object }, usersets, on);
    return found.map((link) => `${link.user} ${link.relation} ${link.object}`);
  };

  it('are relationships each of which would lead there, those nearest to the object first', async () => {
    expect(await missing('user:bob', 'document:flat')).toEqual([
      'user:bob viewer document:flat',
      'group:world#member viewer document:flat',
      'user:bob owner document:flat',
      'user:bob viewer folder:top',
      'group:world#member viewer folder:top',
      'user:bob member group:all',
      'group:world#member member group:all',
      'user:bob member group:eng',
      'group:world#member member group:eng',
    ]);
  });

  it('lead there, each of them', async () => {
    for (const text of await missing('user:bob', 'document:deep')) {
      const graph = graphOf(model, [...tuples, tuple(text)]);
      expect(new Ways(graph, 'user:bob', MAX_STEPS).to('document:deep'), text).toBeDefined();
    }
  });
});

const organisation = loadOrganisation();
describe.skipIf(organisation === undefined)('in a real organisation', () => {
  if (organisation === undefined) return;

  it('there is a way to whatever someone may read, and its links are relationships', () => {
    const { relationships } = everyNth(organisation, 1);
    const own = modelFromDsl(readFileSync(join(organisation.folder, 'model.fga'), 'utf8'));
    const graph = graphOf(own, relationships);
    const there = new Set(relationships.map(tupleKey));
    const rules = proofRules(own);
    let links = 0;
    for (const user of spreadUsers(organisation.reads, 60)) {
      const ways = new Ways(graph, user, MAX_STEPS);
      const found = new Set<string>();
      walk(graph, user, (object) => found.add(graph.nameOf(object)));
      for (const object of found) {
        const questions = linksOf(rules, { user, relation: 'can_read', object }, ways.to(object) ?? []);
        expect(questions, `${user} ${object}`).toBeDefined();
        for (const question of questions ?? []) expect(there).toContain(tupleKey(question));
        links += questions?.length ?? 0;
      }
      expect(found.size).toBe(organisation.reads.get(user)?.size);
    }
    expect(links).toBeGreaterThan(1_000);
  });
});
