import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const LAW = 'eslint(no-restricted-imports)';

/** Folder, then what a file in it may not import and what it may. */
const law: readonly [folder: string, forbidden: readonly string[], allowed: readonly string[]][] = [
  [
    'src/types',
    ['pg', '../retrieve/a.ts', '../adapters/jwt/a.ts', '../config.ts', 'fastify'],
    ['./a.ts', '../ports/a.ts', 'node:crypto', 'zod'],
  ],
  [
    'src/ports',
    ['pg', '../retrieve/a.ts', '../../ingest/a.ts', '../evaluator/a.ts'],
    ['./a.ts', '../types/a.ts', 'node:crypto'],
  ],
  [
    'src/evaluator',
    ['pg', '../adapters/jwt/a.ts', '../ports/a.ts', '../retrieve/a.ts'],
    ['./a.ts', '../types/a.ts', '@openfga/syntax-transformer', 'yaml'],
  ],
  [
    'src/permission-index',
    ['pg', '../adapters/postgres/a.ts', '../retrieve/a.ts', '../agreement/a.ts', '../compose.ts'],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', '../evaluator/a.ts'],
  ],
  [
    'src/proofs',
    ['pg', '../adapters/postgres/a.ts', '../retrieve/a.ts', '../ports/a.ts', '../permission-index/a.ts'],
    ['./a.ts', '../types/a.ts', '../evaluator/a.ts'],
  ],
  [
    'src/evaluator/condition',
    ['pg', '../../adapters/jwt/a.ts', '../../config.ts'],
    ['../../types/a.ts', '../a.ts', '@marcbachmann/cel-js', 'ipaddr.js'],
  ],
  [
    'src/retrieve',
    [
      'pg',
      '../adapters/postgres/a.ts',
      '../../ingest/a.ts',
      '../doors/http/a.ts',
      '../evaluator/a.ts',
      '../compose.ts',
      '@openfga/sdk',
    ],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', 'node:crypto', 'zod'],
  ],
  [
    'src/audience',
    ['pg', '../adapters/postgres/a.ts', '../retrieve/a.ts', '../permission-index/a.ts', '../compose.ts'],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', '../evaluator/a.ts'],
  ],
  [
    'src/agents',
    ['pg', '../adapters/postgres/a.ts', '../retrieve/a.ts', '../../ingest/a.ts', '../compose.ts'],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', '../registry/a.ts', 'node:crypto'],
  ],
  [
    'src/sources',
    ['pg', '../adapters/postgres/a.ts', '../agents/a.ts', '../../ingest/a.ts', '../compose.ts'],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', '../registry/a.ts'],
  ],
  [
    'src/registry',
    ['pg', 'zod', '../adapters/postgres/a.ts', '../agents/a.ts', '../retrieve/a.ts', '../compose.ts'],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', 'node:crypto'],
  ],
  [
    'src/delegation',
    ['jose', '../adapters/jwt/a.ts', '../retrieve/enforce.ts', '../../ingest/a.ts', '../compose.ts'],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', '../retrieve/verdicts.ts', 'node:crypto'],
  ],
  [
    'src/audit',
    ['pg', '../adapters/postgres/a.ts', '../retrieve/a.ts', '../../ingest/a.ts', '../compose.ts'],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', 'node:crypto', 'zod'],
  ],
  [
    'src/revocation',
    ['pg', '../adapters/postgres/a.ts', '../retrieve/a.ts', '../../ingest/a.ts', '../compose.ts'],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', 'node:crypto'],
  ],
  [
    'src/agreement',
    ['pg', '../adapters/postgres/a.ts', '../retrieve/a.ts', '../../ingest/a.ts', '../compose.ts'],
    ['./a.ts', '../types/a.ts', '../ports/a.ts', 'node:timers/promises'],
  ],
  [
    'ingest',
    [
      'pg',
      '../src/adapters/postgres/a.ts',
      '../src/retrieve/a.ts',
      '../src/doors/http/a.ts',
      '../src/config.ts',
      'openai',
    ],
    ['./a.ts', '../src/types/a.ts', '../src/ports/a.ts', '@langchain/textsplitters'],
  ],
  [
    'src/adapters/postgres',
    [
      '../../doors/http/a.ts',
      '../../retrieve/a.ts',
      '../../../ingest/a.ts',
      '../../client/a.ts',
      '../../model-test/a.ts',
      '../../agreement/a.ts',
      '../../compose.ts',
      '../../config.ts',
      '../../operations.ts',
      '../../operator.ts',
      '../../parts.ts',
      '../embedded-engine/a.ts',
      '../jwt/a.ts',
      '../openai-embeddings/a.ts',
      '../openfga/a.ts',
      '../pglite/a.ts',
      '../static-embeddings/a.ts',
    ],
    ['./a.ts', '../../types/a.ts', '../../ports/a.ts', 'pg'],
  ],
  ['src/adapters/jwt', ['../postgres/a.ts', '../../retrieve/a.ts'], ['./a.ts', '../../ports/a.ts', 'jose']],
  [
    'src/doors/http',
    [
      '../../adapters/postgres/a.ts',
      '../../evaluator/a.ts',
      '../../compose.ts',
      '../../config.ts',
      '../../operator.ts',
    ],
    ['./a.ts', '../../retrieve/a.ts', '../../../ingest/a.ts', 'fastify'],
  ],
  [
    'src/doors/http/routes',
    ['../../../adapters/postgres/a.ts', '../../../evaluator/a.ts', '../../../compose.ts'],
    ['../a.ts', '../../../retrieve/a.ts', '../../../../ingest/a.ts'],
  ],
  [
    'src/doors/langchain',
    [
      '../../adapters/postgres/a.ts',
      '../../evaluator/a.ts',
      '../../compose.ts',
      '../../config.ts',
      '../../operator.ts',
    ],
    ['./a.ts', '../../client/a.ts', '@langchain/core/tools'],
  ],
  [
    'src/doors/cli',
    ['../../adapters/postgres/a.ts', '../../evaluator/a.ts', '../../parts.ts'],
    ['../../compose.ts', '../../operations.ts', '../../operator.ts', '../../../ingest/a.ts', 'commander'],
  ],
];

/** What the law forbids and the linter lets through: take a line out once the configuration catches it. */
const deeper: readonly [folder: string, specifier: string][] = [
  ['src/evaluator', '../config.ts'],
  ['src/evaluator', '../compose.ts'],
  ['src/adapters/postgres/search', '../../jwt/a.ts'],
  ['src/adapters/postgres/search', '../../pglite/a.ts'],
];

const port = `export interface Port {\n  readonly allowed: (id: string) => Promise<boolean>;\n  query(sql: string): Promise<void>;\n}\n`;
const uses = (body: string) => `import type { Port } from './port.ts';\n\n${body}`;

/** Rule, then a file that breaks it and one that does the same rightly. */
const rules: readonly [rule: string, wrong: string, right: string][] = [
  [
    'typescript(no-floating-promises)',
    uses('export function f(pool: Port): void {\n  pool.query("DELETE");\n}\n'),
    uses('export async function f(pool: Port): Promise<void> {\n  await pool.query("DELETE");\n}\n'),
  ],
  [
    'typescript(no-misused-promises)',
    uses(
      'export const f = (ids: string[], { allowed }: Port) => ids.filter(async (id) => await allowed(id));\n',
    ),
    uses(
      'export async function f(ids: string[], { allowed }: Port) {\n  const verdicts = await Promise.all(ids.map((id) => allowed(id)));\n  return ids.filter((_, i) => verdicts[i]);\n}\n',
    ),
  ],
  [
    'typescript(await-thenable)',
    'export async function f(n: number) {\n  return await n;\n}\n',
    'export async function f(n: Promise<number>) {\n  return await n;\n}\n',
  ],
  [
    'typescript(no-explicit-any)',
    'export const f = (x: any) => String(x);\n',
    'export const f = (x: unknown) => String(x);\n',
  ],
];
const ASSERTION = 'typescript(no-unsafe-type-assertion)';

const project = mkdtempSync(join(realpathSync(tmpdir()), 'clearance-lint-'));
afterAll(() => rmSync(project, { recursive: true, force: true }));

function write(path: string, content: string): string {
  const file = join(project, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return path;
}
const importing = (specifier: string) => `export { a } from '${specifier}';\n`;
const slug = (specifier: string) => specifier.replaceAll(/\W+/g, '_');

/** Codes of what oxlint says of each file of the project. */
let said: Map<string, string[]>;
const of = (path: string) => said.get(path) ?? [];

beforeAll(async () => {
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json'])
    cpSync(join(root, name), join(project, name));
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
  for (const [folder, forbidden, allowed] of law) {
    for (const specifier of forbidden) write(`${folder}/wrong-${slug(specifier)}.ts`, importing(specifier));
    for (const specifier of allowed) write(`${folder}/right-${slug(specifier)}.ts`, importing(specifier));
  }
  for (const [folder, specifier] of deeper)
    write(`${folder}/deep-${slug(specifier)}.ts`, importing(specifier));
  write('src/plain/port.ts', port);
  for (const [i, [, wrong, right]] of rules.entries()) {
    write(`src/plain/wrong-${i}.ts`, wrong);
    write(`src/plain/right-${i}.ts`, right);
  }
  for (const folder of ['src/retrieve', 'ingest', 'src/doors/http']) {
    write(`${folder}/assertion.ts`, 'export const f = (x: unknown) => x as { forged: true };\n');
  }
  write('src/plain/cycle-a.ts', "import { b } from './cycle-b.ts';\n\nexport const a = (): unknown => b;\n");
  write('src/plain/cycle-b.ts', "import { a } from './cycle-a.ts';\n\nexport const b = (): unknown => a;\n");
  write('src/plain/line-a.ts', "import { b } from './line-b.ts';\n\nexport const a = (): unknown => b;\n");
  write('src/plain/line-b.ts', 'export const b = 1;\n');
  said = await lint();
}, 60_000);

async function lint(): Promise<Map<string, string[]>> {
  const output = await new Promise<string>((resolve) => {
    const oxlint = join(root, 'node_modules/.bin/oxlint');
    execFile(oxlint, ['--format', 'json'], { cwd: project, maxBuffer: 1e8 }, (_, stdout) => resolve(stdout));
  });
  const { diagnostics } = JSON.parse(output) as { diagnostics: { code: string; filename: string }[] };
  const byFile = new Map<string, string[]>();
  for (const { code, filename } of diagnostics) byFile.set(filename, [...(byFile.get(filename) ?? []), code]);
  return byFile;
}

describe.each(law)('the import law in %s', (folder, forbidden, allowed) => {
  it.each(forbidden)('forbids %s', (specifier) => {
    expect(of(`${folder}/wrong-${slug(specifier)}.ts`)).toEqual([LAW]);
  });
  it.each(allowed)('allows %s', (specifier) => {
    expect(of(`${folder}/right-${slug(specifier)}.ts`)).toEqual([]);
  });
});

describe('the import law, a folder further down,', () => {
  it.each(deeper)('in %s forbids %s', (folder, specifier) => {
    expect(of(`${folder}/deep-${slug(specifier)}.ts`)).toEqual([LAW]);
  });
});

describe('the linter', () => {
  it.each(rules.map(([rule], i) => [rule, i] as const))('holds %s', (rule, i) => {
    expect(of(`src/plain/wrong-${i}.ts`)).toEqual([rule]);
    expect(of(`src/plain/right-${i}.ts`)).toEqual([]);
  });

  it('holds import cycles', () => {
    expect([of('src/plain/cycle-a.ts'), of('src/plain/cycle-b.ts')].flat()).toContain('import(no-cycle)');
    expect([of('src/plain/line-a.ts'), of('src/plain/line-b.ts')].flat()).toEqual([]);
  });

  it('lets no assertion forge a type on the read and write paths', () => {
    expect(of('src/retrieve/assertion.ts')).toEqual([ASSERTION]);
    expect(of('ingest/assertion.ts')).toEqual([ASSERTION]);
    expect(of('src/doors/http/assertion.ts')).toEqual([]);
  });
});
