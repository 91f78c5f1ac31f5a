import { describe, expect, it } from 'vitest';
import { peopleIn, withoutPeople } from '../../src/types/people.ts';
import { toldTuple } from '../../src/types/tuple.ts';

describe('people', () => {
  it('are found in the condition of a relationship, in each text and each name by itself', () => {
    const context = { who: 'user:bob', note: 'ask user:bob', by: { 'user:bob': ['user:anne'] } };
    const told = toldTuple({
      user: 'user:anne',
      relation: 'viewer',
      object: 'document:a',
      condition: { name: 'asked', context },
    });
    expect([...peopleIn(told)].toSorted()).toEqual(['user:anne', 'user:bob']);
    const pseudonyms = new Map([
      ['user:anne', 'person:1'],
      ['user:bob', 'person:2'],
    ]);
    expect(withoutPeople(told, pseudonyms)).toEqual({
      tuple: 'document:a viewer person:1',
      condition: {
        name: 'asked',
        context: { who: 'person:2', note: 'ask person:2', by: { 'person:2': ['person:1'] } },
      },
    });
  });
});
