import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshFolder, run } from '../support/cli.ts';

const dataDir = join(freshFolder(), 'data');
const clearance = (...args: readonly string[]) => run(args, { CLEARANCE_DATA_DIR: dataDir });
const register = ['sources', 'register', 'hr', '--owner', 'user:anne', '--purpose', 'HR documents'];

describe('clearance sources', () => {
  it('makes a source known, says what it may write, and suspends it', async () => {
    const registered = await clearance(...register, '--grant', 'group#member', '--grant', 'folder#viewer');
    expect(registered).toMatchObject({ code: 0, stderr: '' });
    expect(registered.stdout).toMatch(
      /^hr: active\n {2}HR documents\n {2}owner: user:anne; created by user:operator/,
    );
    expect(registered.stdout).toMatch(/may write: its documents, group#member, folder#viewer\n$/);
    expect((await clearance('sources', 'suspend', 'hr')).stdout).toMatch(/^hr: suspended/);
  });

  it('grants, lists and forgets', async () => {
    const granted = await clearance('sources', 'grant', 'hr', 'folder#editor', 'folder#viewer');
    expect(granted.stdout).toMatch(
      /^hr: suspended.*may write: its documents, folder#editor, folder#viewer\n$/s,
    );
    expect((await clearance('sources', 'grant', 'hr')).stdout).toMatch(/may write: its documents\n$/);
    expect((await clearance('sources', 'list')).stdout).toBe(
      (await clearance('sources', 'show', 'hr')).stdout,
    );
    expect(await clearance('sources', 'remove', 'hr')).toMatchObject({ code: 0 });
    expect(await clearance('sources', 'list')).toMatchObject({ code: 0, stdout: '' });
  });

  it.each([
    [
      'a relation that the model lacks',
      [...register, '--grant', 'group#pilot'],
      /no relation "pilot" of "group"/,
    ],
    ['documents', [...register, '--grant', 'document#viewer'], /"document" can't be granted/],
    ['what is no relation', [...register, '--grant', 'group'], /write it as TYPE#RELATION/],
    ['nobody to answer for it', ['sources', 'register', 'x'], /required option '--owner <user>'/],
  ])('refuses %s, in a line', async (_, args, message) => {
    const { code, stderr } = await clearance(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});
