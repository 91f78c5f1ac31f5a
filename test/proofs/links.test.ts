import { describe, expect, it } from 'vitest';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import { linksOf } from '../../src/proofs/links.ts';
import { proofRules } from '../../src/proofs/rules.ts';
import type { Link } from '../../src/types/link.ts';

const claim = { user: 'user:anne', relation: 'can_read', object: 'document:plan' };

function asked(model: string, chain: readonly Link[]): readonly string[] | undefined {
  const rules = proofRules(modelFromDsl(`model\n  schema 1.1\ntype user\n${model}`));
  return linksOf(rules, claim, chain)?.map(({ user, relation, object }) => `${user} ${relation} ${object}`);
}

const tuple = (user: string, relation: string, object: string): Link => ({
  kind: 'tuple',
  user,
  relation,
  object,
});
const computed = (object: string, from: string, relation: string): Link => ({
  kind: 'computed',
  object,
  from,
  relation,
});
const from = (parent: string, parentRelation: string, object: string, relation: string): Link => ({
  kind: 'from',
  parent,
  parentRelation,
  tupleset: 'parent',
  object,
  relation,
});

/** anne, of a group that may view the folder that the document is in. */
const chain = [
  tuple('user:anne', 'member', 'group:eng'),
  tuple('group:eng#member', 'viewer', 'folder:x'),
  from('folder:x', 'viewer', 'document:plan', 'viewer'),
  computed('document:plan', 'viewer', 'can_read'),
];

const model = (more: {
  readonly member?: string;
  readonly folder?: string;
  readonly document?: string;
  readonly parent?: string;
}) => `
type group
  relations
    define banned: [user]
    define member: ${more.member ?? '[user, user:*, group#member]'}
type folder
  relations
    define banned: [user]
    define viewer: ${more.folder ?? '[user, group#member]'}
type document
  relations
    define banned: [user, user with in_hours]
    define parent: ${more.parent ?? '[folder]'}
    define viewer: ${more.document ?? '[user, group#member] or viewer from parent'}
    define can_read: viewer
condition in_hours(hour: int) {
  hour < 18
}`;

const MEMBER = 'user:anne member group:eng';
const GROUP = 'group:eng#member viewer folder:x';
const PARENT = 'folder:x parent document:plan';

describe('a claim is asked by its links', () => {
  it('where nothing but relationships decides it: the principal by its first, the others by themselves', () => {
    expect(asked(model({}), chain)).toEqual([MEMBER, GROUP, PARENT]);
  });

  it('of everybody as for the principal', () => {
    const everybody = [tuple('user:*', 'member', 'group:eng'), ...chain.slice(1)];
    expect(asked(model({}), everybody)).toEqual([MEMBER, GROUP, PARENT]);
  });
});

describe('the principal is asked for what encloses', () => {
  const folder = 'user:anne viewer folder:x';
  it.each([
    [
      'a `but not` in the group that the userset is of',
      { member: '[user, user:*, group#member] but not banned' },
    ],
    ['a condition on who is in the group', { member: '[user with in_hours, user, user:*, group#member]' }],
    ['a `but not` of the folder', { folder: '[user, group#member] but not banned' }],
    ['a condition on the folder, be it on another branch', { folder: '[user with in_hours, group#member]' }],
    ['an `and` of the folder', { folder: '[user, group#member] and banned' }],
  ])('%s', (_, more) => {
    expect(asked(model(more), chain)).toEqual([folder, PARENT]);
  });

  it('what the chain does not hold together before', () => {
    const torn = chain.with(0, tuple('user:anne', 'member', 'group:ops'));
    expect(asked(model({}), torn)).toEqual([folder, PARENT]);
    expect(asked(model({}), chain.with(1, tuple('group:eng#banned', 'viewer', 'folder:x')))).toEqual([
      folder,
      PARENT,
    ]);
  });

  it('what is on another branch not: only the proof of the claim goes by it', () => {
    const document = '([user] but not banned) or viewer from parent';
    expect(asked(model({ document }), chain)).toEqual([MEMBER, GROUP, PARENT]);
  });
});

describe('a claim is asked whole', () => {
  it.each([
    ['an `and` around what the chain shows', { document: '[user, group#member] and viewer from parent' }],
    ['a `but not` around it', { document: 'viewer from parent but not banned' }],
    ['a condition on the parent', { parent: '[folder with in_hours]' }],
    ['another parent of the type under a condition', { parent: '[folder, folder with in_hours]' }],
  ])('for %s', (_, more) => {
    // "can_read" follows from "viewer" by the model alone.
    expect(asked(model(more), chain)).toEqual(['user:anne viewer document:plan']);
  });

  it.each<[string, readonly Link[]]>([
    ['of another document', chain.with(3, computed('document:other', 'viewer', 'can_read'))],
    ['of another relation', chain.slice(0, 3)],
    ['by no rule of the model', [...chain.slice(0, 3), computed('document:plan', 'banned', 'can_read')]],
    ['by a relation that there is not', chain.with(1, tuple('group:eng#member', 'owner', 'folder:x'))],
    ['of nothing', []],
    ['of the claim itself', [tuple('user:anne', 'can_read', 'document:plan')]],
    [
      'longer than the engine goes',
      [...Array(20).fill(tuple('group:eng#member', 'member', 'group:eng')), ...chain],
    ],
  ])('with a chain %s', (_, told) => {
    expect(asked(model({}), told)).toBeUndefined();
  });
});
