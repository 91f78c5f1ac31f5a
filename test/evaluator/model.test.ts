import { describe, expect, it } from 'vitest';
import { ModelError, modelFromDsl, modelFromJson, modelFromModules } from '../../src/evaluator/model.ts';
import { asker, model, tuple } from './world.ts';

describe('schema 1.2', () => {
  it('means what 1.1 means', () => {
    const documents = model('type document\n  relations\n    define viewer: [user]', '1.2');
    expect(documents.json.schema_version).toBe('1.2');
    expect(asker(documents, [tuple('document:1#viewer@user:anne')])('document:1#viewer@user:anne')).toBe(
      'allowed',
    );
  });
});

describe('modules', () => {
  const core = {
    name: 'core.fga',
    contents: 'module core\n\ntype user\n\ntype group\n  relations\n    define member: [user]\n',
  };
  const wiki = {
    name: 'wiki.fga',
    contents: `module wiki

extend type group
  relations
    define editor: [user] or member

type page
  relations
    define viewer: [group#editor with short]

condition short(x: int) {
  x < 10
}
`,
  };

  it('are one model', () => {
    const tuples = [
      tuple('page:1#viewer@group:eng#editor', { name: 'short', context: { x: 1 } }),
      tuple('group:eng#member@user:anne'),
    ];
    const ask = asker(modelFromModules([core, wiki], '1.2'), tuples);
    expect(ask('page:1#viewer@user:anne')).toBe('allowed');
    expect(ask('page:1#viewer@user:bob')).toBe('denied');
  });

  it('are refused with the file and line', () => {
    const broken = {
      name: 'broken.fga',
      contents: 'module broken\n\ntype page\n  relations\n    define viewer [user]\n',
    };
    expect(() => modelFromModules([core, broken], '1.2')).toThrow(/broken\.fga: line 5/);
    const orphan = {
      name: 'orphan.fga',
      contents: 'module orphan\n\nextend type team\n  relations\n    define x: [user]\n',
    };
    expect(() => modelFromModules([core, orphan], '1.2')).toThrow(/extended type team does not exist/);
  });
});

const wrap = (lines: string) => `model\n  schema 1.1\ntype user\ntype document\n  relations\n${lines}\n`;

describe('a DSL', () => {
  it.each([
    ['syntax', '    define viewer [user]', /line 6/],
    ['an unknown type', '    define viewer: [employee]', /line 6: .*employee/],
    ['an unknown relation', '    define viewer: editor', /line 6: .*editor/],
    ['no way in', '    define viewer: viewer from parent\n    define parent: [document]', /line 6/],
    ['an unknown condition', '    define viewer: [user with small]', /line 6: .*small/],
  ])('with %s is refused with the line', (_, lines, problem) => {
    expect(() => modelFromDsl(wrap(lines))).toThrow(ModelError);
    expect(() => modelFromDsl(wrap(lines))).toThrow(problem);
  });

  it('may allow a condition where `from` reads, which the transformer cannot validate', () => {
    const conditional = model(`
type folder
  relations
    define viewer: [user]
type document
  relations
    define parent: [folder with small]
    define viewer: viewer from parent
condition small(x: int) {
  x < 10
}`);
    expect(conditional.conditions.has('small')).toBe(true);
  });
});

type Json = {
  schema_version: string;
  type_definitions: { type: string; relations?: object; metadata?: object }[];
  conditions?: object;
};

/** `relations` of document, each with the users that its direct part allows. */
function json(relations: Record<string, [rewrite: object, users?: object[]]>, extra: object[] = []): Json {
  const entries = Object.entries(relations);
  return {
    schema_version: '1.1',
    type_definitions: [
      { type: 'user' },
      {
        type: 'document',
        relations: Object.fromEntries(entries.map(([name, [rewrite]]) => [name, rewrite])),
        metadata: {
          relations: Object.fromEntries(
            entries.map(([name, [, users = []]]) => [name, { directly_related_user_types: users }]),
          ),
        },
      },
      ...(extra as Json['type_definitions']),
    ],
  };
}

const direct = { this: {} };
const computed = (relation: string) => ({ computedUserset: { relation } });
const from = (relation: string, tupleset: string) => ({
  tupleToUserset: { tupleset: { relation: tupleset }, computedUserset: { relation } },
});
const user = { type: 'user' };

describe('a JSON model that OpenFGA refuses', () => {
  const valid = json({ viewer: [direct, [user]] });

  it('is unlike one that it takes', () => {
    expect(modelFromJson(valid).types.get('document')?.has('viewer')).toBe(true);
  });

  it.each<[string, unknown, RegExp]>([
    ['is no object', 'model', /expected object/],
    ['has another schema', { ...valid, schema_version: '1.0' }, /schema version/],
    ['has no types', { ...valid, type_definitions: [] }, /at least one type/],
    ['has a type twice', json({ viewer: [direct, [user]] }, [user]), /duplicate types/],
    [
      'has too many types',
      json(
        {},
        Array.from({ length: 99 }, (_, i) => ({ type: `t${i}` })),
      ),
      /at most 100/,
    ],
    ['names a type self', json({}, [{ type: 'self' }]), /'self'/],
    ['names a relation this', json({ this: [direct, [user]] }), /relation 'this'/],
    ['names a relation with a space', json({ 'can read': [direct, [user]] }), /can read/],
    ['has an empty rewrite', json({ viewer: [{}, [user]] }), /invalid userset rewrite/],
    ['has an assignable relation without users', json({ viewer: [direct] }), /needs a type restriction/],
    [
      'has users on what is not assignable',
      json({ a: [direct, [user]], b: [computed('a'), [user]] }),
      /not assignable/,
    ],
    ['computes a relation from itself', json({ a: [computed('a')] }), /computed from itself/],
    ['computes two from each other', json({ a: [computed('b')], b: [computed('a')] }), /no entrypoints/],
    [
      'computes in a loop beside a way in',
      json({ a: [{ union: { child: [direct, computed('b')] } }, [user]], b: [computed('a')] }),
      /potential loop/,
    ],
    ['computes from nothing', json({ a: [computed('b')] }), /'document#b' is not defined/],
    ['is from nothing', json({ a: [from('a', 'parent')] }), /'document#parent' is not defined/],
    [
      'is from what is not direct',
      json({ up: [direct, [{ type: 'document' }]], parent: [computed('up')], a: [from('up', 'parent')] }),
      /must be a direct relation/,
    ],
    [
      'is from a relation that nobody has',
      json({ parent: [direct, [user]], a: [from('viewer', 'parent')] }),
      /no type that 'parent' allows has a relation 'viewer'/,
    ],
    [
      'is from usersets',
      json({
        v: [direct, [user]],
        parent: [direct, [{ type: 'document', relation: 'v' }]],
        a: [from('v', 'parent')],
      }),
      /allows objects only/,
    ],
    [
      'allows an unknown type',
      json({ viewer: [direct, [{ type: 'employee' }]] }),
      /'employee' is not a type/,
    ],
    [
      'allows an unknown userset',
      json({ viewer: [direct, [{ type: 'user', relation: 'x' }]] }),
      /'user#x' is not defined/,
    ],
    ['allows an empty relation', json({ viewer: [direct, [{ type: 'user', relation: '' }]] }), /malformed/],
    [
      'allows an unknown condition',
      json({ viewer: [direct, [{ type: 'user', condition: 'c' }]] }),
      /'c' is not defined/,
    ],
    [
      'has a union of one',
      json({ viewer: [{ union: { child: [direct] } }, [user]] }),
      /at least two children/,
    ],
    [
      'has no way in',
      json({ viewer: [direct, [{ type: 'document', relation: 'viewer' }]] }),
      /no entrypoints/,
    ],
    [
      'keys a condition by another name',
      { ...valid, conditions: { a: { name: 'b', expression: 'true' } } },
      /does not match/,
    ],
    [
      'has a condition that does not compile',
      { ...valid, conditions: { a: { name: 'a', expression: '1' } } },
      /bool/,
    ],
    [
      'has a condition that is too long',
      { ...valid, conditions: { a: { name: 'a', expression: `true ${'|| true'.repeat(80)}` } } },
      /512 bytes/,
    ],
    [
      'has a list of nothing',
      {
        ...valid,
        conditions: {
          a: { name: 'a', expression: 'true', parameters: { x: { type_name: 'TYPE_NAME_LIST' } } },
        },
      },
      /requires 1 generic types/,
    ],
  ])('%s', (_, bad, problem) => {
    expect(() => modelFromJson(bad)).toThrow(ModelError);
    expect(() => modelFromJson(bad)).toThrow(problem);
  });
});
