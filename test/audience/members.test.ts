import { describe, expect, it } from 'vitest';
import { membersBy } from '../../src/audience/members.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { Tuple } from '../../src/types/tuple.ts';

const model = modelFromDsl(`model
  schema 1.1
type user
type agent
type group
  relations
    define owner: [user]
    define banned: [user]
    define guest: [user with in_time]
    define member: [user, user:*, agent, group#member] or owner
    define active: member but not banned
    define both: member and owner
    define visitor: guest
type team
  relations
    define group: [group]
    define member: member from group
type document
  relations
    define viewer: [user, group#member, group#active, group#both, group#visitor, team#member, document#viewer]
condition in_time(current_time: timestamp, until: timestamp) {
  current_time < until
}`);
const t = (user: string, relation: string, object: string): Tuple => ({ user, relation, object });

/** What an entry stands for, and how many relationships were read to tell. */
async function reading(entry: string, tuples: readonly Tuple[], guardedType = 'document') {
  const read: string[] = [];
  let count = 0;
  const members = membersBy(model, guardedType, {
    async ofRelation(_, { object, relation }, limit) {
      read.push(`${object}#${relation}`);
      const found = tuples.filter((tuple) => tuple.object === object && tuple.relation === relation);
      count += Math.min(found.length, limit);
      return found.slice(0, limit);
    },
  });
  const found = await members.of('default', entry, new AbortController().signal);
  expect(read.length).toBe(new Set(read).size);
  return { found, read, count };
}

async function membersOf(entry: string, ...tuples: readonly Tuple[]) {
  const { found } = await reading(entry, tuples);
  return found.kind === 'people' ? { ...found, people: found.people.toSorted() } : found;
}
const people = (names: readonly string[], exact = true) => ({ kind: 'people', people: names, exact });

describe('an entry of an audience stands for', () => {
  it('one person or agent, who needs no relationship', async () => {
    expect(await membersOf('user:anne')).toEqual(people(['user:anne']));
    expect(await membersOf('agent:bot')).toEqual(people(['agent:bot']));
  });

  it('the members of a group, by whatever branch and however deep', async () => {
    const found = await membersOf(
      'group:a#member',
      t('user:anne', 'member', 'group:a'),
      t('agent:bot', 'member', 'group:a'),
      t('user:olga', 'owner', 'group:a'),
      t('user:stray', 'banned', 'group:a'),
      t('group:b#member', 'member', 'group:a'),
      t('group:c#member', 'member', 'group:b'),
      t('user:carl', 'member', 'group:c'),
      t('user:elsewhere', 'member', 'group:d'),
    );
    expect(found).toEqual(people(['agent:bot', 'user:anne', 'user:carl', 'user:olga']));
  });

  it('those of groups that are in each other', async () => {
    const found = await membersOf(
      'group:a#member',
      t('group:b#member', 'member', 'group:a'),
      t('group:a#member', 'member', 'group:b'),
      t('user:anne', 'member', 'group:b'),
    );
    expect(found).toEqual(people(['user:anne']));
  });

  it('those of what it names', async () => {
    const found = await membersOf(
      'team:x#member',
      t('group:a', 'group', 'team:x'),
      t('user:anne', 'member', 'group:a'),
    );
    expect(found).toEqual(people(['user:anne']));
  });

  it('rather too many than too few, where something takes away or is conditional: and it says so', async () => {
    const member = t('user:anne', 'member', 'group:a');
    expect(await membersOf('group:a#active', member, t('user:anne', 'banned', 'group:a'))).toEqual(
      people(['user:anne'], false),
    );
    expect(await membersOf('group:a#both', member)).toEqual(people(['user:anne'], false));
    const guest = { ...t('user:gus', 'guest', 'group:a'), condition: { name: 'in_time', context: {} } };
    expect(await membersOf('group:a#visitor', guest)).toEqual(people(['user:gus'], false));
  });
});

describe('an entry of an audience is refused', () => {
  it.each(['group:nowhere#member', 'ship:x', 'ship:x#crew', 'group:a#captain', 'user:anne#member'])(
    'as nobody: %s',
    async (entry) => {
      expect(await membersOf(entry)).toEqual({ kind: 'nobody' });
    },
  );

  it('as nobody, and nothing is read, where the model gives it no rights', async () => {
    for (const entry of ['group:a#banned', 'group:a#owner', 'team:x#group', 'team:x']) {
      const tuples = [t('user:anne', 'banned', 'group:a'), t('user:anne', 'owner', 'group:a')];
      expect(await reading(entry, tuples)).toMatchObject({ found: { kind: 'nobody' }, read: [] });
    }
  });

  it('as nobody, and nothing is read, where it is a document or its readers: else it would tell who they are', async () => {
    const secret = [t('user:bob', 'viewer', 'document:merger')];
    for (const entry of ['document:merger#viewer', 'document:none#viewer', 'document:merger']) {
      expect(await reading(entry, secret)).toMatchObject({ found: { kind: 'nobody' }, read: [] });
    }
    const told = await reading('document:merger#viewer', secret, 'something else');
    expect(told.found).toEqual(people(['user:bob']));
  });

  it('as too many, where everyone is in it', async () => {
    expect(await membersOf('user:*')).toEqual({ kind: 'too_many' });
    const everyone = t('user:*', 'member', 'group:b');
    expect(await membersOf('group:a#member', t('group:b#member', 'member', 'group:a'), everyone)).toEqual({
      kind: 'too_many',
    });
  });

  it('as too many, above a hundred people or objects', async () => {
    const crowd = (count: number) =>
      Array.from({ length: count }, (_, i) => t(`user:p${i}`, 'member', 'group:a'));
    expect(await membersOf('group:a#member', ...crowd(100))).toMatchObject({ kind: 'people' });
    expect(await membersOf('group:a#member', ...crowd(101))).toEqual({ kind: 'too_many' });
    const chain = Array.from({ length: 120 }, (_, i) => t(`group:g${i + 1}#member`, 'member', `group:g${i}`));
    expect(await membersOf('group:g0#member', ...chain)).toEqual({ kind: 'too_many' });
  });

  it('as too many without reading all of it; what else there is of it neither counts nor is read', async () => {
    const many = (relation: string, object = 'group:a') =>
      Array.from({ length: 3_000 }, (_, i) => t(`user:p${i}`, relation, object));
    const crowd = await reading('group:a#member', many('member'));
    expect(crowd.found).toEqual({ kind: 'too_many' });
    expect(crowd.count).toBeLessThan(500);
    const nested = [t('group:b#member', 'member', 'group:a'), ...many('member', 'group:b')];
    expect((await reading('group:a#member', nested)).found).toEqual({ kind: 'too_many' });
    const few = await reading('group:a#member', [t('user:anne', 'member', 'group:a'), ...many('banned')]);
    expect(few.found).toEqual(people(['user:anne']));
    expect(few.count).toBe(1);
  });
});

it('what an entry stands for is read no further once the request is given up', async () => {
  const leaving = new AbortController();
  let reads = 0;
  const members = membersBy(model, 'document', {
    async ofRelation(_, { object }, __, signal) {
      signal.throwIfAborted();
      reads += 1;
      if (reads === 2) leaving.abort();
      return [t(`${object}x#member`, 'member', object)];
    },
  });
  await expect(members.of('default', 'group:g#member', leaving.signal)).rejects.toThrow(/abort/);
  expect(reads).toBe(2);
});
