import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { socketFile } from '../../src/adapters/pglite/data-folder.ts';
import {
  freshFolder,
  isAlive,
  openPool,
  openStore,
  readyFolder,
  startCommand,
  storePid,
  until,
} from './helpers.ts';

const LIMIT = 60_000;

describe('one folder, several processes', { timeout: LIMIT }, () => {
  it('lets a second command use the running store, and leaves it running', async () => {
    const folder = await readyFolder();
    const first = startCommand(folder, 'hold');
    expect(await first.first).toEqual({ owned: true });
    const store = await openStore(folder);
    expect(store.owned).toBe(false);
    await store.close();
    const pool = openPool(store);
    await pool.query('INSERT INTO acks VALUES (1)');
    await pool.end();
    const pid = storePid(folder);
    await first.stop();
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(socketFile(folder))).toBe(false);
  });

  it('puts the socket elsewhere where the path is too long for one', async () => {
    const folder = await readyFolder(join(freshFolder(), 'a'.repeat(60), 'b'.repeat(60)));
    const store = await openStore(folder);
    expect(store.connection.host).not.toBe(folder);
    expect(statSync(store.connection.host).mode & 0o777).toBe(0o700);
    expect((await openPool(store).query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    expect((await openStore(folder)).owned).toBe(false);
  });

  it('starts one store for commands that start at once, on a new folder', async () => {
    const folder = freshFolder();
    const commands = [1, 2, 3].map(() => startCommand(folder, 'hold'));
    const opened = await Promise.all(commands.map((command) => command.first));
    expect(opened.toSorted((a, b) => Number(a.owned) - Number(b.owned))).toEqual([
      { owned: false },
      { owned: false },
      { owned: true },
    ]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('loses no acknowledged row when the owner is killed, and its store ends', async () => {
    const folder = await readyFolder();
    const owner = startCommand(folder, 'insert');
    await until(() => owner.acks.length > 20 + Math.random() * 50, 'rows');
    const pid = storePid(folder);
    await owner.kill();
    const store = await openStore(folder);
    expect(store.owned).toBe(true);
    // The kernel gives the lock free a moment before the process is gone.
    await until(() => !isAlive(pid), 'the end of the former store');
    expect(await missing(store, owner.acks)).toEqual([]);
  });

  it('replaces what a store left behind that was killed together with its owner', async () => {
    const folder = await readyFolder();
    const owner = startCommand(folder, 'insert');
    await until(() => owner.acks.length > 10, 'rows');
    process.kill(storePid(folder), 'SIGKILL');
    await owner.kill();
    expect(existsSync(socketFile(folder))).toBe(true);
    const store = await openStore(folder);
    expect(await missing(store, owner.acks)).toEqual([]);
  });

  it('starts the store again when it is killed, loses no acknowledged row, and gives up the fourth time', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined);
    const store = await openStore(await readyFolder());
    const folder = store.connection.host;
    const pool = openPool(store);
    const acks: number[] = [];
    for (let round = 0; round < 3; round++) {
      const pid = storePid(folder);
      const killed = sleep(20 + Math.random() * 300).then(() => process.kill(pid, 'SIGKILL'));
      for (
        let n = round * 10_000;
        await pool.query('INSERT INTO acks VALUES ($1)', [n]).then(
          () => true,
          () => false,
        );
        n++
      )
        acks.push(n);
      await killed;
      await until(
        () =>
          pool.query('SELECT 1').then(
            () => true,
            () => false,
          ),
        'a new store',
      );
      expect(storePid(folder)).not.toBe(pid);
    }
    expect(acks.length).toBeGreaterThan(0);
    expect(await missing(store, acks)).toEqual([]);
    expect(logged).toHaveBeenCalledTimes(3);

    process.kill(storePid(folder), 'SIGKILL');
    expect((await store.failed).message).toMatch(/ended 4 times within a minute/);
    logged.mockRestore();
  });

  it('makes a database again that was only half made', async () => {
    const folder = freshFolder();
    const owner = startCommand(folder, 'hold');
    await until(() => existsSync(join(folder, 'database', 'PG_VERSION')), 'the copying of a new database');
    process.kill(storePid(folder), 'SIGKILL');
    await owner.kill();
    expect(existsSync(join(folder, 'database.unfinished'))).toBe(true);
    const pool = openPool(await openStore(folder));
    expect((await pool.query("SELECT '[1]'::vector AS v")).rows).toEqual([{ v: '[1]' }]);
  });
});

async function missing(store: Parameters<typeof openPool>[0], acks: number[]): Promise<number[]> {
  const { rows } = await openPool(store).query<{ n: number }>('SELECT n FROM acks');
  const stored = new Set(rows.map(({ n }) => n));
  return acks.filter((n) => !stored.has(n));
}
