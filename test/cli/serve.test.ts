import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import {
  copyOf,
  freshFolder,
  isAlive,
  readyScript,
  run,
  serve,
  start,
  startCommand,
  storeOf,
} from '../support/cli.ts';

let template: string;
let first: string;
let second: string;

/** Documents that `anne` may read, found by the word they are named after. */
function documentsFile(word: string): string {
  const file = join(freshFolder(), `${word}.ndjson`);
  const relationships = [{ user: 'user:anne', relation: 'viewer' }];
  const lines = Array.from({ length: 20 }, (_, i) => ({
    id: `${word}-${i}`,
    title: word,
    text: `${word} number ${i}`,
    relationships,
  }));
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  return file;
}

const at = (dataDir: string) => ({ CLEARANCE_DATA_DIR: dataDir });
const ask = (dataDir: string, word: string) =>
  run(['ask', word, '--as', 'user:anne', '-k', '50', '--json'], at(dataDir));
async function idsOf(asked: ReturnType<typeof run>, word: string): Promise<string[]> {
  const { code, stdout, stderr } = await asked;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { results } = JSON.parse(stdout) as { results: { document_id: string }[] };
  return results.map(({ document_id }) => document_id).filter((id) => id.startsWith(word));
}

beforeAll(async () => {
  first = documentsFile('apple');
  second = documentsFile('banana');
  template = join(freshFolder(), 'data');
  // One after the other: each opens the folder, and leaves it for the next.
  const ingested = await run(['ingest', first], at(template));
  expect(ingested).toMatchObject({ code: 0, stdout: 'Documents: 20 published, 0 pending, 0 rejected.\n' });
  expect(await idsOf(ask(template, 'apple'), 'apple')).toHaveLength(20);
});

describe('clearance serve', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('ends cleanly at %s, and nothing is left', async (signal) => {
    const dataDir = copyOf(template);
    const service = await serve(dataDir);
    const store = storeOf(dataDir)?.pid ?? 0;
    expect(isAlive(store)).toBe(true);
    expect(existsSync(join(dataDir, 'service.json'))).toBe(true);
    service.kill(signal);
    expect(await service.ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    expect(isAlive(store)).toBe(false);
    for (const left of ['service.json', 'store.json', '.s.PGSQL.5432'])
      expect(existsSync(join(dataDir, left))).toBe(false);
  });

  it('starts again after kill -9', async () => {
    const dataDir = copyOf(template);
    const killed = await serve(dataDir);
    killed.kill('SIGKILL');
    await killed.ended;
    // What it announced is stale: `ask` goes to the folder itself.
    expect(existsSync(join(dataDir, 'service.json'))).toBe(true);
    expect(await idsOf(ask(dataDir, 'apple'), 'apple')).toHaveLength(20);
    const again = await serve(dataDir);
    expect(await idsOf(ask(dataDir, 'apple'), 'apple')).toHaveLength(20);
    again.kill('SIGTERM');
    expect(await again.ended).toMatchObject({ code: 0 });
  });

  it('says in a line that its port is taken, and leaves nothing behind', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => {
      other.listen(0, '127.0.0.1', resolve);
    });
    const { port } = other.address() as AddressInfo;
    const dataDir = copyOf(template);
    const refused = await run(['serve'], { ...at(dataDir), PORT: String(port) });
    other.close();
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toBe(
      `clearance: Port ${port} on 127.0.0.1 is in use. Stop what uses it, or set PORT to another.\n`,
    );
    for (const left of ['service.json', 'store.json']) expect(existsSync(join(dataDir, left))).toBe(false);
  });

  it('says in a line that its host is none of this machine', async () => {
    const refused = await run(['serve'], { ...at(copyOf(template)), HOST: '192.0.2.1', PORT: '0' });
    expect(refused).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^clearance: HOST is 192\.0\.2\.1.*\n$/),
    });
  });

  it('started as `npm start` starts it, passes SIGTERM on and ends with it', async () => {
    const dataDir = copyOf(template);
    const ready = startCommand(process.execPath, [readyScript(), 'src/doors/cli/main.ts', 'serve'], {
      ...at(dataDir),
      PORT: '0',
    });
    await ready.said(/listens on/);
    const { pid = 0, ownerPid = 0 } = storeOf(dataDir) ?? {};
    ready.kill('SIGTERM');
    expect(await ready.ended).toMatchObject({ code: 0 });
    expect([isAlive(pid), isAlive(ownerPid)]).toEqual([false, false]);
  });
});

describe('several commands on one data folder', () => {
  it('a running service sees at once what another command ingests, and answers what a third asks', async () => {
    const dataDir = copyOf(template);
    const service = await serve(dataDir);
    expect(await idsOf(ask(dataDir, 'banana'), 'banana')).toEqual([]);
    const ingesting = start(['ingest', second], at(dataDir));
    const asking = await Promise.all([1, 2, 3].map(() => idsOf(ask(dataDir, 'apple'), 'apple')));
    expect(asking.map((ids) => ids.length)).toEqual([20, 20, 20]);
    expect(await ingesting.ended).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Documents: 20 published/),
    });
    expect(await idsOf(ask(dataDir, 'banana'), 'banana')).toHaveLength(20);
    expect(storeOf(dataDir)?.ownerPid).toBe(service.pid);
    service.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0, stderr: '' });
    expect(await idsOf(ask(dataDir, 'banana'), 'banana')).toHaveLength(20);
  });

  it('a second service does not take the first one’s address away when it ends', async () => {
    const dataDir = copyOf(template);
    const one = await serve(dataDir);
    const two = await serve(dataDir);
    const three = await serve(dataDir);
    two.kill('SIGTERM');
    expect(await two.ended).toMatchObject({ code: 0 });
    expect(existsSync(join(dataDir, 'service.json'))).toBe(true);
    expect(await idsOf(ask(dataDir, 'apple'), 'apple')).toHaveLength(20);
    three.kill('SIGTERM');
    one.kill('SIGTERM');
    await Promise.all([one.ended, three.ended]);
  });

  it('a service outlives the command whose store it found', async () => {
    const dataDir = copyOf(template);
    const one = await serve(dataDir);
    const two = await serve(dataDir);
    one.kill('SIGTERM');
    await one.ended;
    await vi.waitFor(async () => expect((await fetch(`${two.url}/readyz`)).status).toBe(200), {
      timeout: 30_000,
    });
    expect(await idsOf(ask(dataDir, 'apple'), 'apple')).toHaveLength(20);
    two.kill('SIGTERM');
    expect(await two.ended).toMatchObject({ code: 0 });
  });
});
