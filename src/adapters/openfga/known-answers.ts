import type { Tuple } from '../../types/tuple.ts';

/** A question whose answer OpenFGA's documents and its 1.22.1 agree on. */
export type KnownAnswer = {
  readonly user: string;
  readonly relation: string;
  readonly object: string;
  /** `too deep`: an error, not a verdict. */
  readonly answer: 'allowed' | 'denied' | 'too deep';
  readonly about: string;
  /**
   * `all`: another answer could show what is forbidden, or hide what is allowed. `others`: Clearance never depends on
   * it, but a server that answers otherwise is not the one that Clearance was tested with.
   */
  readonly concerns: 'all' | 'others';
};

/** Well below and well above the default depth limit of 25, which models and releases count a little differently. */
const SHALLOW = 20;
const DEEP = 32;

const nested: Tuple[] = Array.from({ length: DEEP }, (_, i) => ({
  user: i === 0 ? 'user:ann' : `group:depth-${i}#member`,
  relation: 'member',
  object: `group:depth-${i + 1}`,
}));

/** All questions of the bookkeeping model share these; contextual, so nothing is written. */
export const contextualTuples: readonly Tuple[] = [
  ...nested,
  { user: 'user:ann', relation: 'viewer', object: 'probe:own' },
  { user: 'user:*', relation: 'viewer', object: 'probe:public' },
  { user: 'user:bob', relation: 'barred', object: 'probe:public' },
  { user: 'group:depth-2#member', relation: 'viewer', object: 'probe:shared' },
  { user: 'user:*', relation: 'barred', object: 'probe:shared' },
  { user: 'user:ann', relation: 'viewer', object: 'probe:half' },
  { user: 'user:bob', relation: 'cleared', object: 'probe:half' },
  { user: 'user:ann', relation: 'viewer', object: 'probe:whole' },
  { user: 'user:*', relation: 'cleared', object: 'probe:whole' },
  { user: 'probe:own', relation: 'parent', object: 'probe:child' },
  { user: 'group:round-a#member', relation: 'member', object: 'group:round-b' },
  { user: 'group:round-b#member', relation: 'member', object: 'group:round-a' },
  { user: 'group:round-a#member', relation: 'viewer', object: 'probe:round' },
];

const asked = (
  [user, relation, object]: readonly [string, string, string],
  answer: KnownAnswer['answer'],
  about: string,
  concerns: KnownAnswer['concerns'] = 'all',
): KnownAnswer => ({ user, relation, object, answer, about, concerns });

export const knownAnswers: readonly KnownAnswer[] = [
  asked(['user:ann', 'viewer', 'probe:own'], 'allowed', 'a relationship of one’s own'),
  asked(['user:bob', 'viewer', 'probe:own'], 'denied', 'someone else’s relationship'),
  asked(['user:ann', 'viewer', 'probe:shared'], 'allowed', 'a group in a group'),
  asked(['user:ann', 'viewer', 'probe:public'], 'allowed', 'a wildcard'),
  asked(['user:ann', 'admitted', 'probe:public'], 'allowed', '“but not” someone else'),
  asked(['user:bob', 'admitted', 'probe:public'], 'denied', '“but not” oneself'),
  asked(['user:ann', 'admitted', 'probe:shared'], 'denied', '“but not” a wildcard'),
  asked(['user:ann', 'both', 'probe:whole'], 'allowed', '“and” with both sides'),
  asked(['user:ann', 'both', 'probe:half'], 'denied', '“and” with one side'),
  asked(['user:ann', 'inherited', 'probe:child'], 'allowed', '“from”'),
  asked(['user:bob', 'inherited', 'probe:child'], 'denied', '“from” without the right'),
  asked(['user:ann', 'viewer', 'probe:round'], 'denied', 'groups in a circle'),
  asked(['user:ann', 'member', `group:depth-${SHALLOW}`], 'allowed', `${SHALLOW} groups deep`),
  asked(['user:ann', 'member', `group:depth-${DEEP}`], 'too deep', `${DEEP} groups deep`, 'others'),
  asked(['probe:own#viewer', 'viewer', 'probe:own'], 'allowed', 'a userset about itself', 'others'),
];

/** Of the model with a loop in it. */
export const loopTuples: readonly Tuple[] = [
  { user: 'user:ann', relation: 'admitted', object: 'loop:a' },
  { user: 'loop:a#admitted', relation: 'blocked', object: 'loop:a' },
  { user: 'user:ann', relation: 'admitted', object: 'loop:b' },
];

export const loopAnswers: readonly KnownAnswer[] = [
  asked(['user:ann', 'admitted', 'loop:a'], 'denied', 'a cycle on the subtracted side of “but not”'),
  asked(['user:ann', 'admitted', 'loop:b'], 'allowed', '“but not” in a model with a loop'),
];
