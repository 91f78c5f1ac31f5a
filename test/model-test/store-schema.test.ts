import { describe, expect, it } from 'vitest';
import { storeSchema } from '../../src/model-test/store-schema.ts';
import { YamlSource } from '../../src/model-test/yaml-source.ts';

const read = (text: string) => new YamlSource('s.fga.yaml', text).read(storeSchema);
const withCheck = (check: string) => `model: m\ntests:\n  - name: t\n    check:\n      - ${check}\n`;

describe('a store file', () => {
  it('makes lists of one user and one object, and empty ones of empty values', () => {
    const store = read(`
      name: 2026
      model: m
      tuples:
      tests:
        - tuples:
          check:
            - { user: 'user:anne', objects: ['document:1', 'document:2'], context: , assertions: { viewer: true } }
          list_objects:
            - { user: 'user:anne', type: document, assertions: { viewer: } }
          list_users:
            - { object: 'document:1', user_filter: [{ type: user, relation: }], assertions: { viewer: { users: } } }
    `);
    expect(store).toMatchObject({ name: '2026', tuples: [], tuple_files: [] });
    expect(store.tests).toHaveLength(1);
    expect(store.tests[0]).toMatchObject({
      tuples: [],
      check: [
        {
          users: ['user:anne'],
          objects: ['document:1', 'document:2'],
          context: {},
          assertions: { viewer: true },
        },
      ],
      list_objects: [{ assertions: { viewer: [] } }],
      list_users: [{ user_filter: [{ type: 'user' }], assertions: { viewer: { users: [] } } }],
    });
  });

  it("reads yes and no, aliases and merge keys as OpenFGA's command line does", () => {
    const { tests } = read(`
      model: m
      tests:
        - check:
            - &first { user: 'user:a', object: 'd:1', assertions: { viewer: yes, editor: no, owner: false } }
            - { <<: *first, user: 'user:b' }
    `);
    const assertions = { viewer: true, editor: false, owner: false };
    expect(tests[0]?.check).toMatchObject([
      { users: ['user:a'], assertions },
      { users: ['user:b'], objects: ['d:1'], assertions },
    ]);
  });
});

describe('what is refused, with line and path', () => {
  it.each([
    ['not YAML', 'model: [', 's.fga.yaml:1: '],
    ['the same key twice', 'model: m\nmodel: n', 's.fga.yaml:2: Map keys must be unique'],
    ['an alias of nothing', 'model: *none', 's.fga.yaml: '],
    ['nothing at all', '', 's.fga.yaml: '],
    ['no model', 'name: x', "s.fga.yaml:1: needs 'model' or 'model_file'"],
    ['two models', 'model: m\nmodel_file: m.fga', "s.fga.yaml:1: takes 'model' or 'model_file', not both"],
    ['an unknown key', 'model: m\ntupels: []', 's.fga.yaml:2: tupels: unknown key'],
    [
      'an unknown key in a test',
      'model: m\ntests:\n  - name: t\n    checks: []',
      's.fga.yaml:4: tests[0].checks: unknown key',
    ],
    [
      'an unknown key in a tuple',
      'model: m\ntuples:\n  - { user: u, relation: r, object: o, when: x }',
      's.fga.yaml:3: tuples[0].when: unknown key',
    ],
    [
      'a tuple without a relation',
      'model: m\ntuples:\n  - { user: u, object: o }',
      's.fga.yaml:3: tuples[0].relation: ',
    ],
    ['a test that asserts nothing', 'model: m\ntests:\n  - name: t', 's.fga.yaml:3: tests[0]: needs a check'],
    [
      'a check that asserts nothing',
      withCheck('{ user: u, object: o, assertions: {} }'),
      's.fga.yaml:5: tests[0].check[0].assertions: asserts nothing',
    ],
    [
      'a check without assertions',
      withCheck('{ user: u, object: o }'),
      's.fga.yaml:5: tests[0].check[0].assertions: ',
    ],
    [
      'an expectation that is no boolean',
      withCheck('{ user: u, object: o, assertions: { viewer: maybe } }'),
      's.fga.yaml:5: tests[0].check[0].assertions.viewer: ',
    ],
    [
      'a user and users',
      withCheck('{ user: u, users: [v], object: o, assertions: { r: true } }'),
      "s.fga.yaml:5: tests[0].check[0]: takes 'user' or 'users', not both",
    ],
    [
      'no user',
      withCheck('{ object: o, assertions: { r: true } }'),
      "tests[0].check[0]: needs 'user' or 'users'",
    ],
    [
      'an object and objects',
      withCheck('{ user: u, object: o, objects: [p], assertions: { r: true } }'),
      "takes 'object' or 'objects', not both",
    ],
    [
      'no object',
      withCheck('{ user: u, objects: [], assertions: { r: true } }'),
      "needs 'object' or 'objects'",
    ],
    [
      'a context that is no map',
      withCheck('{ user: u, object: o, context: [1], assertions: { r: true } }'),
      's.fga.yaml:5: tests[0].check[0].context: ',
    ],
    [
      'no user filter',
      'model: m\ntests:\n  - list_users:\n      - { object: o, user_filter: [], assertions: { r: { users: [] } } }',
      's.fga.yaml:4: tests[0].list_users[0].user_filter: ',
    ],
  ])('%s', (_what, text, message) => {
    expect(() => read(text)).toThrow(message);
    expect(() => read(text)).toThrow(expect.objectContaining({ name: 'StoreError' }));
  });

  it('names every mistake, a line each', () => {
    expect(() => read('model: m\nowner: me\ntuples:\n  - { user: u }')).toThrow(/^(.+\n){2}.+$/);
  });
});
