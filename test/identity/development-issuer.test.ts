import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { developmentIdentity, mintToken } from '../../src/adapters/jwt/development-issuer.ts';
import { developmentKeys } from '../../src/adapters/jwt/development-keys.ts';
import { StartupError } from '../../src/types/errors.ts';
import { tokenHash } from '../../src/types/revocation.ts';

let dataDir: string;
let keyFile: string;

beforeEach(async () => {
  dataDir = join(await mkdtemp(join(tmpdir(), 'clearance-identity-')), 'data');
  keyFile = join(dataDir, 'development-issuer', 'key.json');
});

afterEach(async () => {
  vi.useRealTimers();
  await rm(join(dataDir, '..'), { recursive: true });
});

const anne = { subject: 'anne', scopes: ['retrieve'], lifetime: 60 } as const;

describe('the development issuer', () => {
  it('mints a token that its identity takes, also after a restart', async () => {
    const token = await mintToken(await developmentKeys(dataDir), {
      ...anne,
      actor: 'support-bot',
      scopes: ['retrieve', 'ingest'],
      source: 'hr',
      tenant: 'acme',
    });
    const identity = developmentIdentity(await developmentKeys(dataDir));
    await expect(identity.verify(token)).resolves.toEqual({
      principal: {
        tenant: 'acme',
        issuer: 'clearance-development',
        subject: 'user:anne',
        chain: ['agent:support-bot'],
      },
      token: {
        issuer: 'clearance-development',
        hash: tokenHash(token),
        login: 'anne',
        jti: expect.any(String),
        issuedAt: expect.any(Number),
      },
      scopes: new Set(['retrieve', 'ingest']),
      expiresAt: expect.any(Date),
      source: 'hr',
    });
  });

  it('ends a token with its lifetime', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    const keys = await developmentKeys(dataDir);
    const token = await mintToken(keys, anne);
    vi.setSystemTime(Date.now() + 66_000);
    await expect(developmentIdentity(keys).verify(token)).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.stringContaining('expired'),
    });
  });

  it('does not take the tokens of another data folder', async () => {
    const token = await mintToken(await developmentKeys(join(dataDir, 'other')), anne);
    await expect(developmentIdentity(await developmentKeys(dataDir)).verify(token)).rejects.toMatchObject({
      code: 'unauthenticated',
    });
  });

  it('keeps its key from other users of the machine, and leaves nothing else behind', async () => {
    await mkdir(dataDir, { mode: 0o700 });
    await mkdir(join(keyFile, '..'), { mode: 0o755 });
    await developmentKeys(dataDir);
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
    expect((await stat(join(keyFile, '..'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(keyFile, '..'))).toEqual(['key.json']);
  });

  it('makes a data folder that is closed to other users', async () => {
    await developmentKeys(dataDir);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o700);
    expect((await stat(join(keyFile, '..'))).mode & 0o777).toBe(0o700);
  });

  it('makes one key however many start at once', async () => {
    const inProcess = Array.from({ length: 10 }, async () => (await developmentKeys(dataDir)).kid);
    const kids = new Set(await Promise.all(inProcess));
    expect(kids.size).toBe(1);
    expect(await readdir(join(keyFile, '..'))).toEqual(['key.json']);
  });

  it('makes one key in several processes that start at once', async () => {
    const module = new URL('../../src/adapters/jwt/development-keys.ts', import.meta.url).href;
    const script = `const { developmentKeys } = await import(${JSON.stringify(module)});
      console.log((await developmentKeys(${JSON.stringify(dataDir)})).kid);`;
    const run = async () => {
      const { stdout } = await promisify(execFile)(process.execPath, [
        '--input-type=module',
        '--eval',
        script,
      ]);
      return stdout.trim();
    };
    const kids = await Promise.all([run(), run(), run(), run()]);
    expect(new Set(kids)).toEqual(new Set([(await developmentKeys(dataDir)).kid]));
  });

  it.each([
    ['cut short', (text: string) => text.slice(0, 40)],
    ['empty', () => ''],
    ['other JSON', () => '{"kty":"oct","k":"c2VjcmV0"}'],
    [
      'a damaged private part',
      (text: string) => text.replace(/"d":"(.)/, (_, c) => `"d":"${c === 'A' ? 'B' : 'A'}`),
    ],
    [
      'a damaged public part',
      (text: string) => text.replace(/"x":"(.)/, (_, c) => `"x":"${c === 'A' ? 'B' : 'A'}`),
    ],
  ])('says what to do about a key file that is %s', async (_, damage) => {
    await developmentKeys(dataDir);
    await writeFile(keyFile, damage(await readFile(keyFile, 'utf8')));
    const opened = developmentKeys(dataDir);
    await expect(opened).rejects.toBeInstanceOf(StartupError);
    await expect(opened).rejects.toThrow(/key\.json is damaged: delete the file/);
    await expect(opened).rejects.not.toHaveProperty('cause');
  });

  it('says what to do about a folder it can’t use', async () => {
    await writeFile(dataDir, 'a file');
    await expect(developmentKeys(dataDir)).rejects.toThrow(/can't be read or made \(ENOTDIR\)/);
  });

  it.each([
    ['no subject', { ...anne, subject: '' }],
    ['ingest without a source', { ...anne, scopes: ['ingest'] as const }],
    ['a bad tenant', { ...anne, tenant: 'Acme Inc' }],
    ['a lifetime of nothing', { ...anne, lifetime: 0 }],
    ['a broken lifetime', { ...anne, lifetime: Number.NaN }],
  ])('mints no token that would be refused: %s', async (_, request) => {
    const keys = await developmentKeys(dataDir);
    await expect(mintToken(keys, request)).rejects.toBeInstanceOf(StartupError);
  });
});
