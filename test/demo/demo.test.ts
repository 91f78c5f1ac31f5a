import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { nextSteps } from '../../demo/next-steps.ts';
import { readConfig } from '../../src/config.ts';
import {
  type Env,
  type Finished,
  freshFolder,
  readyScript,
  root,
  startCommand,
  storeOf,
} from '../support/cli.ts';
import { corpus } from '../support/corpus.ts';

type Cast = { questions: string[]; people: { name: string }[]; revoked: { name: string } };
const { questions, people, revoked } = JSON.parse(readFileSync(corpus('people.json'), 'utf8')) as Cast;

const shell = (line: string): Promise<Finished> => startCommand('bash', ['-c', line]).ended;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

/** What it shows: all between the opening and the next steps. */
const shown = ({ stdout }: Finished) =>
  stdout.slice(stdout.indexOf('The same questions'), stdout.indexOf('Next, in'));

describe('npm run demo', () => {
  let env: Env;
  let first: Finished;

  beforeAll(async () => {
    env = { CLEARANCE_DATA_DIR: join(freshFolder(), "the demo's data"), PORT: String(await freePort()) };
    first = await startCommand(process.execPath, [readyScript(), 'demo/run.ts'], env).ended;
  });

  it('answers every question for everyone, and tells what the one who leaves has lost', () => {
    expect(first.code).toBe(0);
    for (const text of [...questions, ...people.map(({ name }) => name), 'support-bot for anne'])
      expect(first.stdout).toContain(text);
    expect(first.stdout).toContain(
      `${revoked.name}, former key account manager, left on 2026-03-31: 5 relationships were taken away.`,
    );
    const leaving = first.stdout.slice(first.stdout.indexOf('dan, before'));
    expect(leaving).toMatch(
      /Sales: what to say about the alarm outage of 14 +0\.\d\d Status: delayed Hoarline alarms/,
    );
    expect(first.stderr).toContain('100 % | 67 of 67 documents');
    expect(first.stderr).not.toMatch(/warning|\n {4}at /i);
    for (const line of shown(first).split('\n')) expect(line.length).toBeLessThanOrEqual(120);
  });

  it('shows the same the second time', async () => {
    const second = await startCommand(process.execPath, [readyScript(), 'demo/run.ts'], env).ended;
    expect(second.code).toBe(0);
    expect(second.stdout).toBe(first.stdout);
  });

  it('prints commands that work when they are pasted into a shell', async () => {
    const [npmStart, curl, ask] =
      first.stdout.slice(first.stdout.indexOf('Next, in')).match(/^ {2}\S.*$/gm) ?? [];
    expect(npmStart).toMatch(/npm start$/);
    const service = startCommand('bash', ['-c', `exec env ${npmStart?.trim()}`]);
    try {
      await service.said(/listens on/);

      const answered = await shell(curl ?? '');
      expect(answered.code).toBe(0);
      const { results } = JSON.parse(answered.stdout) as { results: { document_id: string }[] };
      expect(results[0]?.document_id).toBe('support/policies/goodwill-after-outage');

      const asked = await shell(ask ?? '');
      expect(asked).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('[support/runbooks/alarm-outage]'),
      });
    } finally {
      // npm hands a signal to a shell that does not pass it on, so the service is told itself.
      process.kill(storeOf(env.CLEARANCE_DATA_DIR ?? '')?.ownerPid ?? service.pid, 'SIGTERM');
    }
    await service.ended;
  });

  it('tells a mistake of the configuration in a line', async () => {
    const { code, stderr } = await startCommand(process.execPath, [join(root, 'demo/run.ts')], {
      CLEARANCE_MODE: 'production',
    }).ended;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The demo stopped: Production mode needs .*\n$/);
  });
});

describe('the next steps', () => {
  const steps = (env: Env) =>
    nextSteps(readConfig(env), { as: 'anne', agent: 'bot', query: "What's new?", k: 3 });

  it('say no more than needed where nothing is configured', () => {
    const text = steps({});
    expect(text).toContain('\n  npm start\n');
    expect(text).toContain(
      'curl -s http://127.0.0.1:8080/v1/retrieve -H "Authorization: Bearer $(npx clearance token --as user:anne)"',
    );
    expect(text).toContain(`-d '{"query":"What'\\''s new?","k":3}'`);
  });

  it.each<[Env, string, string]>([
    [{ PORT: '9000' }, '  PORT=9000 npm start', 'http://127.0.0.1:9000/'],
    [{ PORT: '0' }, '  PORT=8080 npm start', 'http://127.0.0.1:8080/'],
    [{ HOST: '0.0.0.0' }, '  HOST=0.0.0.0 npm start', 'http://127.0.0.1:8080/'],
    [{ HOST: '::' }, '  HOST=:: npm start', 'http://[::1]:8080/'],
    [{ HOST: '::1' }, '  HOST=::1 npm start', 'http://[::1]:8080/'],
    [{ HOST: 'box.local' }, '  HOST=box.local npm start', 'http://box.local:8080/'],
    [
      { CLEARANCE_DATA_DIR: "/a b'c" },
      "  CLEARANCE_DATA_DIR='/a b'\\''c' npm start",
      "$(CLEARANCE_DATA_DIR='/a b'\\''c' npx clearance token",
    ],
  ])('follow %o', (env, startLine, part) => {
    expect(steps(env).split('\n')).toContain(startLine);
    expect(steps(env)).toContain(part);
  });
});
