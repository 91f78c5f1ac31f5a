import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { type OpenFgaClient, openFgaClient } from '../../src/adapters/openfga/client.ts';
import { openFgaGenerations } from '../../src/adapters/openfga/generations.ts';
import { findOrCreateStore, makeBookkeeping } from '../../src/adapters/openfga/stores.ts';
import type { EngineStore } from '../../src/ports/engine-stores.ts';
import { realParts } from '../support/real-parts.ts';
import { serverConfig } from './fresh-store.ts';

describe.skipIf(realParts() === undefined)('in a real server', () => {
  const name = `test-${randomUUID()}`;
  let client: OpenFgaClient;
  let bookkeeping: EngineStore;
  beforeAll(async () => {
    client = openFgaClient(serverConfig());
    bookkeeping = await makeBookkeeping(client, name);
  });

  describe('a store', () => {
    it('is found again by its name, and the older of two', async () => {
      expect(await findOrCreateStore(client, name)).toBe(bookkeeping.storeId);
      expect((await makeBookkeeping(client, name)).storeId).toBe(bookkeeping.storeId);
      const twin = `test-${randomUUID()}`;
      const [older] = [await client.createStore(twin), await client.createStore(twin)];
      expect(await findOrCreateStore(client, twin)).toBe(older);
      const together = await Promise.all([1, 2, 3].map(() => findOrCreateStore(client, `${name}-3`)));
      expect(new Set(together).size).toBe(1);
    });
  });

  describe('a generation', () => {
    it('is 0 at first, and the highest that was raised to', async () => {
      const generations = openFgaGenerations(client, bookkeeping);
      expect(await generations.current('first')).toBe(0);
      await generations.raise('first', 7);
      expect(await generations.current('first')).toBe(7);
      await generations.raise('first', 7);
      await generations.raise('first', 3);
      expect(await generations.current('first')).toBe(7);
      await generations.raise('first', 12);
      expect(await generations.current('first')).toBe(12);
      expect(await generations.current('second')).toBe(0);
    });

    it('of several copies, each raising at once, is there when the raise has resolved; few tuples are left', async () => {
      const copies = [1, 2, 3].map(() => openFgaGenerations(client, bookkeeping));
      const raises = Array.from({ length: 60 }, async (_, i) => {
        const copy = copies[i % copies.length];
        await copy?.raise('busy', i + 1);
        expect(await copies[0]?.current('busy')).toBeGreaterThanOrEqual(i + 1);
      });
      await Promise.all(raises);
      expect(await copies[1]?.current('busy')).toBe(60);
      const left = await client.read(bookkeeping.storeId, { object: 'generation:', user: 'tenant:busy' });
      expect(left.length).toBeLessThanOrEqual(copies.length);
      // A new copy clears up behind the others.
      await openFgaGenerations(client, bookkeeping).raise('busy', 61);
      const then = await client.read(bookkeeping.storeId, { object: 'generation:', user: 'tenant:busy' });
      expect(then.map(({ object }) => object)).toEqual(['generation:61']);
    });

    it('those asked for while one is being written share the next', async () => {
      let writes = 0;
      const counted: OpenFgaClient = {
        ...client,
        write: (...args) => {
          writes += 1;
          return client.write(...args);
        },
      };
      const generations = openFgaGenerations(counted, bookkeeping);
      await Promise.all(Array.from({ length: 50 }, (_, i) => generations.raise('shared', i + 1)));
      // All before the first write is under way share it, for its read comes first.
      expect(writes).toBe(1);
      const first = generations.raise('shared', 51);
      await new Promise(setImmediate);
      await Promise.all([first, generations.raise('shared', 52), generations.raise('shared', 53)]);
      expect(writes).toBe(3);
      expect(await generations.current('shared')).toBe(53);
    });

    it('a raise that fails rejects, and the next one works', async () => {
      let fails = true;
      const failing: OpenFgaClient = {
        ...client,
        write: (...args) => (fails ? Promise.reject(new Error('down')) : client.write(...args)),
      };
      const generations = openFgaGenerations(failing, bookkeeping);
      await expect(generations.raise('failing', 1)).rejects.toThrow('down');
      expect(await generations.current('failing')).toBe(0);
      fails = false;
      await generations.raise('failing', 2);
      expect(await generations.current('failing')).toBe(2);
    });
  });
});
