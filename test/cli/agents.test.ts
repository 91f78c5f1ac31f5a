import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshFolder, run } from '../support/cli.ts';

const dataDir = join(freshFolder(), 'data');
const clearance = (...args: readonly string[]) => run(args, { CLEARANCE_DATA_DIR: dataDir });
const of = ['--owner', 'user:anne', '--purpose', 'answers questions', '--risk', 'low'];
const register = ['agents', 'register', 'agent:bot', ...of, '--expires', '2099-12-31'];
const ask = ['ask', 'anything', '--as', 'anne', '--agent', 'bot'];

describe('clearance agents', () => {
  it('makes an agent known, and lets nobody ask through one that isn’t', async () => {
    const before = await clearance(...ask);
    expect(before).toMatchObject({ code: 1, stdout: '' });
    expect(before.stderr).toMatch(/agent bot is not registered.*clearance agents register/);

    const registered = await clearance(...register);
    expect(registered).toMatchObject({ code: 0, stderr: '' });
    expect(registered.stdout).toMatch(/^bot: active, low risk, until 2099-12-31T23:59:59\.000Z\n/);
    expect(registered.stdout).toMatch(/answers questions\n {2}owner: user:anne; created by user:operator/);
    expect(await clearance(...ask)).toMatchObject({ code: 0, stdout: 'Nothing that may be read.\n' });
  });

  it('suspends, resumes, reviews, disowns and changes it', async () => {
    expect((await clearance('agents', 'suspend', 'bot')).stdout).toMatch(/^bot: suspended/);
    expect((await clearance(...ask)).stderr).toMatch(/is suspended/);
    expect((await clearance('agents', 'resume', 'bot')).stdout).toMatch(/^bot: active/);
    expect((await clearance('agents', 'review', 'bot')).stdout).toMatch(/reviewed: by user:operator, 20/);
    expect((await clearance('agents', 'disown', 'bot')).stdout).toMatch(/^bot: ownerless.*owner: none/s);
    const changed = await clearance('agents', 'change', 'bot', '--owner', 'user:bob', '--risk', 'high');
    expect(changed.stdout).toMatch(/^bot: active, high risk.*owner: user:bob/s);
    expect((await clearance('agents', 'list')).stdout).toBe(
      (await clearance('agents', 'show', 'bot')).stdout,
    );
  });

  it('says what it may use by itself, what needs approval and what it never gets', async () => {
    expect((await clearance('agents', 'show', 'bot')).stdout).toMatch(/may use: what it may read\n$/);
    const rules = ['label:pii=never', 'label:a=b=approval', 'relation:editor=approval'];
    const ruled = await clearance('agents', 'access', 'bot', ...rules, '--default', 'approval');
    expect(ruled).toMatchObject({ code: 0, stderr: '' });
    expect(ruled.stdout).toMatch(
      /may use: label:pii=never, label:a=b=approval, relation:editor=approval, all else approval\n$/,
    );
    expect((await clearance('agents', 'access', 'bot')).stdout).toMatch(/may use: what it may read\n$/);
  });

  it.each([
    ['a rule on nothing', ['agents', 'access', 'bot', 'pii=never'], /write label:NAME=RULE/],
    ['an unknown rule', ['agents', 'access', 'bot', 'label:pii=maybe'], /write label:NAME=RULE/],
    [
      'a relation that the model lacks',
      ['agents', 'access', 'bot', 'relation:fly=never'],
      /no relation "fly"/,
    ],
    ['an owner who is no person', [...register, '--owner', 'agent:x'], /owner: must be a person/],
    ['an unknown risk', [...register, '--risk', 'none'], /Allowed choices are low, medium, high/],
    ['an end that is over', [...register, '--expires', '2020-01-01'], /expires_at: is over/],
    ['an end that is no date', [...register, '--expires', 'soon'], /expires_at/],
    ['a change of nothing', ['agents', 'change', 'bot'], /changes nothing/],
    ['an agent that is not there', ['agents', 'show', 'nobody'], /No such agent/],
    ['nobody to answer for it', ['agents', 'register', 'x'], /required option '--owner <user>'/],
  ])('refuses %s, in a line', async (_, args, message) => {
    const { code, stderr } = await clearance(...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('forgets it', async () => {
    expect(await clearance('agents', 'remove', 'bot')).toMatchObject({ code: 0 });
    expect((await clearance(...ask)).stderr).toMatch(/not registered/);
    expect(await clearance('agents', 'list')).toMatchObject({ code: 0, stdout: '' });
  });
});
