import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshFolder, root, startCommand } from '../support/cli.ts';

/** What a build reads; a copy, for others may use the checkout's own dist. */
const SOURCES = [
  'src',
  'ingest',
  'migrations',
  'models',
  'assets',
  'scripts',
  'bin',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

let checkout: string;
let installed: string;

beforeAll(async () => {
  checkout = freshFolder();
  for (const name of SOURCES) cpSync(join(root, name), join(checkout, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
  const built = await startCommand(process.execPath, ['scripts/build.mjs'], {}, checkout).ended;
  expect(built).toMatchObject({ code: 0, stderr: '' });

  // What a package has of it: no sources.
  installed = freshFolder();
  mkdirSync(join(installed, 'data'), { mode: 0o700 });
  for (const name of ['bin', 'dist', 'package.json'])
    cpSync(join(checkout, name), join(installed, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'));
}, 120_000);

const clearance = (folder: string, args: readonly string[]) =>
  startCommand(
    process.execPath,
    [join(folder, 'bin/clearance.mjs'), ...args],
    { CLEARANCE_DATA_DIR: join(installed, 'data') },
    folder,
  ).ended;

describe('the command', () => {
  it('runs from a package, which is built, with everything it reads at run time', async () => {
    expect(await clearance(installed, ['token', '--as', 'anne'])).toMatchObject({ code: 0, stderr: '' });
    const asked = await clearance(installed, ['ask', 'anything', '--as', 'anne']);
    expect(asked).toEqual({ code: 0, signal: null, stdout: 'Nothing that may be read.\n', stderr: '' });
  });

  it('runs from the sources of a checkout, whatever was built before', async () => {
    const broken = freshFolder();
    for (const name of ['src', 'ingest', 'bin', 'package.json'])
      cpSync(join(root, name), join(broken, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(broken, 'node_modules'));
    mkdirSync(join(broken, 'dist/src/doors/cli'), { recursive: true });
    cpSync(join(root, 'package.json'), join(broken, 'dist/src/doors/cli/main.js'));
    expect(await clearance(broken, ['token', '--as', 'anne'])).toMatchObject({ code: 0, stderr: '' });
  });

  it('is found by npx in the checkout', async () => {
    const { code, stdout } = await startCommand('npx', ['clearance', 'token', '--as', 'anne'], {
      CLEARANCE_DATA_DIR: join(installed, 'data'),
    }).ended;
    expect(code).toBe(0);
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  });
});

describe('a build that fails', () => {
  it('leaves no half of a dist behind', async () => {
    const folder = freshFolder();
    for (const name of SOURCES) cpSync(join(root, name), join(folder, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    cpSync(join(root, 'package.json'), join(folder, 'src/wrong.ts'));
    const { code } = await startCommand(process.execPath, ['scripts/build.mjs'], {}, folder).ended;
    expect(code).not.toBe(0);
    expect(existsSync(join(folder, 'dist'))).toBe(false);
  });
});
