import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { freshFolder, run } from '../support/cli.ts';

const dataDir = join(freshFolder(), 'data');
const clearance = (...args: readonly string[]) => run(args, { CLEARANCE_DATA_DIR: dataDir });

describe('clearance revoke', () => {
  let token: string;
  beforeAll(async () => {
    token = (await clearance('token', '--as', 'anne')).stdout.trim();
  });

  it.each([
    ['person', 'user:anne'],
    ['agent', 'agent:bot'],
    ['login', 'anne', '--issuer', 'clearance-development'],
  ])('revokes a %s', async (...args) => {
    expect(await clearance('revoke', ...args)).toMatchObject({
      code: 0,
      stderr: '',
      stdout: expect.stringMatching(/^Revoked, in force since 20\S+Z\.\n$/),
    });
  });

  it('revokes a token, and never prints it', async () => {
    const { code, stdout, stderr } = await clearance('revoke', 'token', token);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).not.toContain(token.split('.')[1]);
  });

  it('says which agents are someone’s', async () => {
    const of = ['--owner', 'user:carl', '--purpose', 'tests', '--risk', 'low', '--expires', '2099-12-31'];
    await clearance('agents', 'register', 'carls', ...of);
    expect((await clearance('revoke', 'agents-of', 'carl')).stdout).toMatch(/^Agents: carls\.\nRevoked/);
  });

  it.each([
    ['a session that is not there', ['revoke', 'session', 'never-existed'], /No such session/],
    ['what is no token', ['revoke', 'token', 'x'], /must be a token, or the hash of one/],
    ['an id of nobody’s', ['revoke', 'jti', 'x'], /required option '--issuer <issuer>'/],
  ])('refuses %s, in a line', async (_, args, message) => {
    const { code, stderr } = await clearance(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });
});
