import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresUsedProofs } from '../../../src/adapters/postgres/used-proofs.ts';
import type { Store } from './stores.ts';

export function usedProofsContract(opened: () => Store): void {
  describe('used proofs', () => {
    it('once each, and forgets them when they would be refused for their age', async () => {
      const { database, owner } = opened();
      const used = postgresUsedProofs(database);
      const soon = new Date(Date.now() + 60_000);
      const [proof, other, old] = [randomBytes(32), randomBytes(32), randomBytes(32)];
      const answers = await Promise.all([1, 2, 3, 4].map(() => used.use(proof, soon)));
      expect(answers.filter((first) => first)).toEqual([true]);
      expect(await used.use(proof, soon)).toBe(false);
      expect(await used.use(old, new Date(Date.now() - 1))).toBe(true);
      expect(await used.use(other, soon)).toBe(true);
      const { rows } = await owner.query<{ proof: Buffer }>('SELECT proof FROM used_proofs');
      expect(rows.map((row) => row.proof.toString('hex')).toSorted()).toEqual(
        [proof, other].map((each) => each.toString('hex')).toSorted(),
      );
    });
  });
}
