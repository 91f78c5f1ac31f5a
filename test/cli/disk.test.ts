import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { freshFolder, run, type Served, serve, until } from '../support/cli.ts';

const mounted: string[] = [];

/** A disk of its own in memory, or undefined with a plain word where mounting is not permitted. */
function disk(): string | undefined {
  const folder = freshFolder();
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=260m,mode=0700', 'clearance-test', folder], {
      stdio: 'pipe',
    });
  } catch {
    console.warn('Skipped: tests of a full and of a read-only disk mount a tmpfs, which needs root.');
    return undefined;
  }
  mounted.push(folder);
  return folder;
}

afterAll(() => {
  for (const folder of mounted) execFileSync('umount', ['-l', folder]);
});

const small = disk();
const dataDir = join(small ?? freshFolder(), 'data');
const env = { CLEARANCE_DATA_DIR: dataDir };

async function tokenOf(...args: string[]): Promise<string> {
  return (await run(['token', ...args], env)).stdout.trim();
}

function fill(): string {
  const filler = join(small ?? '', 'filler');
  const { bavail, bsize } = statfsSync(small ?? '');
  writeFileSync(filler, Buffer.alloc(bavail * bsize));
  return filler;
}

describe.skipIf(small === undefined)('a disk that fills up', () => {
  it('loses nothing that was acknowledged, is named, and is well again with space', async () => {
    const service = await serve(dataDir);
    const [writer, reader] = [
      await tokenOf('--as', 'loader', '--scope', 'ingest', '--source', 's'),
      await tokenOf('--as', 'anne'),
    ];
    const acknowledged: string[] = [];
    const put = async (id: string): Promise<number> => {
      const { status } = await send(service, 'PUT', id, writer);
      if (status === 201) acknowledged.push(id);
      return status;
    };
    expect(await put('before')).toBe(201);

    const filler = fill();
    let status = 201;
    // What the database has set aside is used up first.
    for (let i = 0; i < 500 && status === 201; i += 1) status = await put(`full-${i}`);
    expect(status).toBe(503);
    // The answer may be here before the log of it is.
    await until(() => service.output().includes('No space left on device'), 'a log of the full disk');
    const refused = await run(['ingest', small ?? ''], env);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^clearance: .*(disk is full|MB left).*CLEARANCE_DATA_DIR\.\n$/);

    rmSync(filler);
    await until(async () => (await put('after')) < 300, 'an answer once there is space');
    for (const id of acknowledged)
      expect(await (await send(service, 'GET', id, reader)).json()).toMatchObject({ title: id, version: 1 });
    service.kill('SIGTERM');
    expect(await service.ended).toMatchObject({ code: 0 });
  });

  it('keeps a service from starting, with a word on what to do', async () => {
    const filler = fill();
    const refused = await run(['serve'], { ...env, PORT: '0' });
    rmSync(filler);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^clearance: .*disk.*(Make room on).*\n$/);
  });
});

function send(service: Served, method: 'GET' | 'PUT', id: string, token: string): Promise<Response> {
  const relationships = [{ user: 'user:anne', relation: 'viewer' }];
  const body = JSON.stringify({ title: id, text: `text of ${id}`, relationships });
  return fetch(`${service.url}/v1/documents/${id}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(method === 'PUT' ? { body } : {}),
  });
}

describe.skipIf(small === undefined)('a read-only data folder', () => {
  it('is told in a line; tokens need no writing', async () => {
    const folder = disk() ?? '';
    mkdirSync(join(folder, 'data'), { mode: 0o700 });
    const own = { CLEARANCE_DATA_DIR: join(folder, 'data'), PORT: '0' };
    expect(await run(['token', '--as', 'anne'], own)).toMatchObject({ code: 0 });
    execFileSync('mount', ['-o', 'remount,ro', folder]);
    for (const command of [['serve'], ['ask', 'x', '--as', 'anne'], ['ingest', folder], ['reembed']]) {
      const refused = await run(command, own);
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(/^clearance: Can't write in the data folder .*read-only.*\n$/);
    }
    expect(await run(['token', '--as', 'anne'], own)).toMatchObject({ code: 0 });
    const elsewhere = await run(['token', '--as', 'anne'], { CLEARANCE_DATA_DIR: join(folder, 'other') });
    expect(elsewhere).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^clearance: .*can't be read or made .*: make the folder yours and writable\.\n$/,
      ),
    });
  });
});
