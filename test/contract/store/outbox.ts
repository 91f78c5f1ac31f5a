import { describe, expect, it } from 'vitest';
import { postgresDocuments } from '../../../src/adapters/postgres/documents.ts';
import { postgresHolding } from '../../../src/adapters/postgres/holding.ts';
import { postgresSessions } from '../../../src/adapters/postgres/sessions.ts';
import type { OutboxStep } from '../../../src/ports/documents.ts';
import { newTenant, principalOf, publish, SOURCE, type Store } from './stores.ts';

export function outboxContract(opened: () => Store): void {
  const documents = () => postgresDocuments(opened().database);

  async function withSteps(...readers: string[]): Promise<{ tenant: string; no: number }> {
    const tenant = newTenant();
    const { no } = await publish(opened(), tenant, 'a', ['text']);
    for (const user of readers)
      await documents().enqueueNarrow({ no, source: SOURCE }, [{ user, relation: 'viewer' }]);
    return { tenant, no };
  }
  async function leased(no: number): Promise<OutboxStep> {
    const step = await documents().lease(no);
    if (step === undefined || step === 'busy') throw new Error(`no step but ${step}`);
    return step;
  }
  const readerOf = (step: OutboxStep) => step.relationships?.[0]?.user;
  const runOut = (step: OutboxStep) =>
    opened().database.query(`UPDATE outbox SET leased_until = now() - interval '1 second' WHERE id = $1`, [
      step.id,
    ]);

  describe('an outbox', () => {
    it('of which one holder at a time has the oldest step', async () => {
      const { no } = await withSteps('user:anne', 'user:bob');
      const answers = await Promise.all(Array.from({ length: 12 }, () => documents().lease(no)));
      const [first] = answers.filter((answer) => answer !== 'busy');
      expect(answers.filter((answer) => answer === 'busy')).toHaveLength(11);
      expect(readerOf(first as OutboxStep)).toBe('user:anne');
      await documents().done(first as OutboxStep);
      expect(readerOf(await leased(no))).toBe('user:bob');
    });

    it('that gives a step which failed back, for later', async () => {
      const { no } = await withSteps('user:anne', 'user:bob');
      const step = await leased(no);
      expect(await documents().due(10_000)).not.toContain(no);
      await documents().postpone(step, 60);
      expect(await documents().due(10_000)).not.toContain(no);
      await documents().postpone(step, 0);
      expect(await documents().due(10_000)).toContain(no);
      expect(await leased(no)).toMatchObject({ id: step.id, attempt: 2 });
      const { steps, oldestSeconds } = await documents().pending();
      expect(steps).toBeGreaterThanOrEqual(2);
      expect(oldestSeconds).toBeGreaterThanOrEqual(0);
    });

    it('in which who has lost the lease can change nothing any more', async () => {
      const { tenant, no } = await withSteps('user:anne');
      const lost = await leased(no);
      await runOut(lost);
      const held = await leased(no);
      for (const change of ['renew', 'hide', 'publish', 'remove', 'done'] as const)
        await expect(documents()[change](lost)).rejects.toThrow('another holder has it');
      await documents().postpone(lost, 0);
      expect(await documents().lease(no)).toBe('busy');
      expect((await documents().find(tenant, 'a'))?.publishedVersion).toBe(1);
      await documents().done(held);
    });

    it('whose lease is taken anew while nobody else has it', async () => {
      const { no } = await withSteps('user:anne');
      const step = await leased(no);
      await runOut(step);
      await documents().renew(step);
      expect(await documents().lease(no)).toBe('busy');
      await documents().done(step);
      await expect(documents().renew(step)).rejects.toThrow('another holder');
    });

    it('that can be held: hidden, voided, signed out; and the same content brings it back', async () => {
      const { tenant, no } = await withSteps('user:anne');
      const other = await publish(opened(), tenant, 'b', ['text']);
      await documents().enqueueDelete({ no: other.no, source: SOURCE });
      const atWork = await leased(no);
      const principal = principalOf(tenant);
      const sessions = postgresSessions(opened().database);
      const expiresAt = new Date(Date.now() + 60_000);
      await sessions.create({ id: `session of ${tenant}`, principal, expiresAt, keys: [], since: undefined });

      const holding = postgresHolding(opened().database);
      expect(await holding.unfinished(tenant)).toEqual(['a', 'b']);
      await holding.hold(tenant, ['a', 'b', 'unknown']);
      expect(await holding.unfinished(tenant)).toEqual(['b']);
      expect(await sessions.isOpen(`session of ${tenant}`, principal, new Date())).toBe(false);
      await expect(documents().publish(atWork)).rejects.toThrow('another holder');
      const row = await documents().find(tenant, 'a');
      expect(row).toMatchObject({ source: SOURCE, version: 1, chunks: 1 });
      expect(row).not.toHaveProperty('publishedVersion');

      await documents().enqueuePublish({ no, source: SOURCE }, 1, undefined);
      await documents().publish(await leased(no));
      expect((await documents().find(tenant, 'a'))?.publishedVersion).toBe(1);
      const { rows } = await opened().database.query(`SELECT chunks FROM collections WHERE tenant = $1`, [
        tenant,
      ]);
      expect(rows).toEqual([{ chunks: 1 }]);
    });
  });
}
