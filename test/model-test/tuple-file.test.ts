import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseTupleFile } from '../../src/model-test/tuple-file.ts';

const fixture = (name: string) =>
  parseTupleFile(name, readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8'));

const end = { name: 'before', context: { end: '2026-01-01T00:00:00Z' } };

describe('formats', () => {
  it.each([
    ['tuples.yaml', 'user:yves', 'document:yaml', [1, 4]],
    ['tuples.json', 'user:jane', 'document:json', [2, 3]],
    ['tuples.jsonl', 'user:lina', 'document:jsonl', [1, 3]],
  ])('reads %s', (name, user, object, lines) => {
    expect(fixture(name).map(({ tuple }) => tuple)).toEqual([
      { user, relation: 'viewer', object },
      { user: 'user:timo', relation: 'viewer', object, condition: end },
    ]);
    expect(fixture(name).map(({ place }) => Number(/:(\d+)/.exec(place)?.[1]))).toEqual(lines);
  });

  it('reads tuples.csv, with usersets and conditions', () => {
    expect(fixture('tuples.csv')).toEqual([
      { tuple: { user: 'user:carl', relation: 'viewer', object: 'document:csv' }, place: 'tuples.csv:2' },
      {
        tuple: { user: 'group:eng#member', relation: 'viewer', object: 'document:csv' },
        place: 'tuples.csv:3',
      },
      {
        tuple: { user: 'user:timo', relation: 'viewer', object: 'document:csv', condition: end },
        place: 'tuples.csv:4',
      },
    ]);
  });

  it('reads CSV columns in any order, the optional ones left out', () => {
    const csv =
      'object_id, object_type,relation,user_id,user_type,condition_name\n1,document,viewer,*,user,before\n';
    expect(parseTupleFile('t.csv', csv).map(({ tuple }) => tuple)).toEqual([
      {
        user: 'user:*',
        relation: 'viewer',
        object: 'document:1',
        condition: { name: 'before', context: {} },
      },
    ]);
  });
});

describe('what is refused, with the place', () => {
  const header = 'user_type,user_id,relation,object_type,object_id';
  it.each([
    ['t.toml', 'a = 1', 't.toml: a tuple file ends in .yaml'],
    ['t.yaml', '', 't.yaml: it has no tuples'],
    ['t.json', '[]', 't.json: it has no tuples'],
    ['t.jsonl', '\n', 't.jsonl: it has no tuples'],
    ['t.csv', `${header}\n`, 't.csv: it has no tuples'],
    ['t.yaml', '- user: user:a\n  relation: [', 't.yaml:2: '],
    ['t.yaml', '- user: user:a\n  relation: viewer\n', 't.yaml:1: [0].object: '],
    [
      't.json',
      '[{"user": "user:a", "relation": "v", "object": "d:1", "kind": 1}]',
      't.json:1: [0].kind: unknown key',
    ],
    ['t.jsonl', '\n{"user": 1, "relation": "viewer", "object": "document:1"}', 't.jsonl:2: user: '],
    ['t.jsonl', '{"user"', 't.jsonl:1: not JSON'],
    ['t.csv', '', 't.csv: it has no tuples'],
    ['t.csv', 'user_type,user_id,relation,object_type\n', 't.csv: column object_id is missing'],
    ['t.csv', `${header},note\n`, 't.csv: unknown or repeated column note'],
    ['t.csv', `${header},relation\n`, 't.csv: unknown or repeated column relation'],
    ['t.csv', `${header},condition_context\n`, 't.csv: column condition_context needs condition_name'],
    ['t.csv', `${header}\nuser,anne,viewer,document\n`, 't.csv: Invalid Record Length'],
    ['t.csv', `${header}\nuser,anne,,document,1\n`, 't.csv:2: relation: '],
    [
      't.csv',
      `${header},condition_name,condition_context\nuser,anne,viewer,document,1,before,{end\n`,
      't.csv:2: condition_context: not JSON',
    ],
  ])('%s %j', (name, text, message) => {
    expect(() => parseTupleFile(name, text)).toThrow(message);
    expect(() => parseTupleFile(name, text)).toThrow(expect.objectContaining({ name: 'StoreError' }));
  });
});
