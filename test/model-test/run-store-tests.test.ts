import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runStoreTests } from '../../src/model-test/run-store-tests.ts';

const fixture = (name: string) => new URL(`fixtures/${name}`, import.meta.url).pathname;

async function run(...files: string[]) {
  const lines: string[] = [];
  const totals = await runStoreTests(files, (line) => lines.push(line));
  return { totals, lines, text: lines.join('\n') };
}

describe('files that pass', () => {
  it('runs every feature of the format', async () => {
    const file = fixture('features.fga.yaml');
    const { totals, lines } = await run(file);
    expect(lines).toEqual([
      `# ${file}`,
      '# Test Summary # Tests 4/4 passing, Checks 22/22 passing, ListObjects 4/4 passing, ListUsers 5/5 passing',
    ]);
    expect(totals).toEqual({ passed: 4, failed: 0 });
  });

  it('reads a model in modules', async () => {
    const { totals, lines } = await run(fixture('modular/store.fga.yaml'));
    expect(lines.at(-1)).toBe('# Test Summary # Tests 1/1 passing, Checks 3/3 passing');
    expect(totals).toEqual({ passed: 1, failed: 0 });
  });
});

describe('assertions that fail', () => {
  it('are each reported, with who, what, expected and got', async () => {
    const { totals, lines } = await run(fixture('wrong.fga.yaml'));
    const error = expect.stringMatching(/: expected (false|\[\]), got error: .*(can_fly|current_time)/);
    expect(lines.slice(1)).toEqual([
      'FAILED wrong checks',
      '  Check(user=user:anne, relation=can_read, object=document:1): expected false, got true',
      '  Check(user=user:bob, relation=can_read, object=document:1): expected true, got false',
      'FAILED no answer is not a no',
      error,
      error,
      'FAILED wrong lists',
      '  ListObjects(user=user:anne, relation=can_read, type=document): expected [], got ["document:1"]',
      '  ListObjects(user=user:anne, relation=viewer, type=document): expected ["document:1","document:2"], got ["document:1"]',
      '  ListObjects(user=user:bob, relation=can_read, type=document): expected ["document:1"], got []',
      error,
      '  ListObjects(user=user:eve, relation=can_read, type=document): expected ["document:2, document:3"], got ["document:2","document:3"]',
      '  ListUsers(object=document:1, relation=can_read, user_filter=user): expected [], got ["user:anne"]',
      '  ListUsers(object=document:1, relation=viewer, user_filter=user): expected ["user:anne","user:anne"], got ["user:anne"]',
      '# Test Summary # Tests 1/4 passing, Checks 1/5 passing, ListObjects 0/5 passing, ListUsers 0/2 passing',
    ]);
    expect(totals).toEqual({ passed: 1, failed: 3 });
  });

  it('do not stop the files after them', async () => {
    const { totals } = await run(fixture('wrong.fga.yaml'), fixture('features.fga.yaml'));
    expect(totals).toEqual({ passed: 5, failed: 3 });
  });
});

describe('files that cannot be run', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'model-test-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const model =
    'model: |\n  model\n    schema 1.1\n  type user\n  type document\n    relations\n      define viewer: [user]\n';
  const tests =
    'tests:\n  - check:\n      - { user: "user:a", object: "document:1", assertions: { viewer: true } }\n';

  async function runText(text: string, others: Readonly<Record<string, string>> = {}) {
    for (const [name, content] of Object.entries(others)) writeFileSync(join(folder, name), content);
    const file = join(folder, 'store.fga.yaml');
    writeFileSync(file, text);
    const { totals, text: output } = await run(file);
    expect(totals).toEqual({ passed: 0, failed: 1 });
    return output.replaceAll(`${folder}/`, '');
  }

  it('names a store file that is not there', async () => {
    const { totals, text } = await run('no/such.fga.yaml', fixture('modular/store.fga.yaml'));
    expect(text).toContain('ERROR no/such.fga.yaml: no such file');
    expect(totals).toEqual({ passed: 1, failed: 1 });
  });

  it.each([
    [
      'a model file',
      `name: x\nmodel_file: gone.fga\n`,
      'store.fga.yaml:2: model_file: gone.fga: no such file',
    ],
    [
      'a tuple file',
      `${model}tuple_file: gone.csv\n`,
      'store.fga.yaml:8: tuple_file: gone.csv: no such file',
    ],
    [
      'one of several',
      `${model}tuple_files:\n  - gone.csv\n`,
      'store.fga.yaml:9: tuple_files[0]: gone.csv: no such file',
    ],
    ["a test's", `${model}${tests}    tuple_file: gone.csv\n`, 'tests[0].tuple_file: gone.csv: no such file'],
    ['a folder', `model_file: .\n`, 'it is a folder'],
  ])('names %s that is missing', async (_what, text, message) => {
    expect(await runText(text)).toContain(message);
  });

  it('names a module that is missing, and one outside the folder', async () => {
    const store = 'model_file: fga.mod\n';
    const gone = "schema: '1.2'\ncontents:\n  - gone.fga\n";
    expect(await runText(store, { 'fga.mod': gone })).toContain('fga.mod: contents: gone.fga: no such file');
    const outside = "schema: '1.2'\ncontents:\n  - ../core.fga\n";
    expect(await runText(store, { 'fga.mod': outside })).toContain('../core.fga');
  });

  it('names a key it does not know', async () => {
    expect(await runText(`${model}checks: []\n`)).toContain('store.fga.yaml:8: checks: unknown key');
  });

  it.each(['', 'tests:\n', 'tests: []\n'])('passes no file without a test: %j', async (none) => {
    expect(await runText(`${model}${none}`)).toMatch(/ERROR store\.fga\.yaml:\d: .*no tests/);
  });

  it('names what is wrong with a model', async () => {
    const broken = model.replace('[user]', '[robot]');
    expect(await runText(broken)).toMatch(/ERROR store\.fga\.yaml:\d: model: .*robot/s);
    expect(await runText('model_file: m.fga\n', { 'm.fga': 'model\n  schema 1.1\ntype' })).toContain(
      'ERROR m.fga: ',
    );
    expect(await runText('model_file: m.json\n', { 'm.json': '{' })).toContain('ERROR m.json: ');
  });

  it.each([
    ['whose relation the model lacks', '{ user: "user:a", relation: owner, object: "document:1" }', /owner/],
    [
      'whose user has a type that is not allowed',
      '{ user: "document:2", relation: viewer, object: "document:1" }',
      /document/,
    ],
    ['whose user is no object', '{ user: anne, relation: viewer, object: "document:1" }', /anne/],
    [
      'that is there twice',
      '{ user: "user:a", relation: viewer, object: "document:1" }\n  - { user: "user:a", relation: viewer, object: "document:1" }',
      /there already/,
    ],
  ])('names a tuple %s', async (_what, tuple, message) => {
    const output = await runText(`${model}tuples:\n  - ${tuple}\n`);
    expect(output).toMatch(/ERROR store\.fga\.yaml:\d+: tuples\[\d\]: \(.+\): /);
    expect(output).toMatch(message);
  });

  it('names a tuple of a test that the store has already', async () => {
    const tuple = '{ user: "user:a", relation: viewer, object: "document:1" }';
    const output = await runText(`${model}tuples: [${tuple}]\n${tests}    tuples: [${tuple}]\n`);
    expect(output).toContain('tests[0].tuples[0]: (user:a, viewer, document:1): this tuple is there already');
  });
});
