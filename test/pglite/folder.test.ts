import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openEmbeddedStore } from '../../src/adapters/pglite/embedded-store.ts';
import { takeLock } from '../../src/adapters/pglite/lock.ts';
import { StartupError } from '../../src/types/errors.ts';
import { freshFolder } from './helpers.ts';

describe('the data folder', () => {
  it.each([
    ['that others can open', 0o750, /mode 750.*chmod 700/],
    ['that is read-only', 0o500, /can't be written.*chmod 700/],
  ])('is refused with a remedy: one %s', async (_, mode, message) => {
    const folder = freshFolder();
    mkdirSync(folder);
    chmodSync(folder, mode);
    const opened = openEmbeddedStore(folder);
    await expect(opened).rejects.toThrow(message);
    await expect(opened).rejects.toBeInstanceOf(StartupError);
  });

  it('is refused where it is a file', async () => {
    const path = freshFolder();
    writeFileSync(path, '');
    await expect(openEmbeddedStore(path)).rejects.toThrow(/a file of that name.*CLEARANCE_DATA_DIR/);
    await expect(openEmbeddedStore(join(path, 'below'))).rejects.toThrow(/part of its path is a file/);
  });

  it('is locked for one holder at a time', () => {
    const folder = freshFolder();
    mkdirSync(folder);
    const path = join(folder, 'lock.sqlite');
    const first = takeLock(path);
    expect(first).toBeDefined();
    expect(takeLock(path)).toBeUndefined();
    first?.release();
    const second = takeLock(path);
    expect(second).toBeDefined();
    second?.release();
  });
});
