import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresSessions } from '../../../src/adapters/postgres/sessions.ts';
import { throughAgent } from '../../../src/types/principal.ts';
import { newTenant, principalOf, type Store } from './stores.ts';

export function sessionsContract(opened: () => Store): void {
  describe('sessions', () => {
    it('each for one principal and no longer than it lasts', async () => {
      const sessions = postgresSessions(opened().database);
      const principal = principalOf(newTenant());
      const expiresAt = new Date(Date.now() + 60_000);
      const id = randomUUID();
      await sessions.create({ id, principal, expiresAt, keys: [], since: new Date() });
      expect(await sessions.isOpen(id, principal, new Date())).toBe(true);
      expect(await sessions.isOpen(id, principal, expiresAt)).toBe(false);
      expect(await sessions.isOpen(randomUUID(), principal, new Date())).toBe(false);
      for (const other of [
        { ...principal, tenant: newTenant() },
        { ...principal, issuer: 'another' },
        { ...principal, subject: 'user:bob' },
        throughAgent(principal, 'agent:bot'),
      ]) {
        expect(await sessions.isOpen(id, other, new Date())).toBe(false);
        expect(await sessions.end(id, other)).toBe(false);
      }
      expect(await sessions.end(id, principal)).toBe(true);
      expect(await sessions.end(id, principal)).toBe(false);
      expect(await sessions.isOpen(id, principal, new Date())).toBe(false);
    });

    it('each for a person through these agents in this order, and no others', async () => {
      const sessions = postgresSessions(opened().database);
      const through = (...agents: readonly string[]) => agents.reduceRight(throughAgent, principalOf(tenant));
      const tenant = newTenant();
      const principal = through('agent:c', 'agent:b', 'agent:a');
      const id = randomUUID();
      await sessions.create({
        id,
        principal,
        expiresAt: new Date(Date.now() + 60_000),
        keys: [],
        since: new Date(),
      });
      for (const other of [
        through(),
        through('agent:c'),
        through('agent:c', 'agent:b'),
        through('agent:c', 'agent:a', 'agent:b'),
        through('agent:b', 'agent:a'),
        through('agent:d', 'agent:c', 'agent:b', 'agent:a'),
        through('agent:c', 'agent:b,agent:a'),
      ]) {
        expect(await sessions.isOpen(id, other, new Date())).toBe(false);
        expect(await sessions.end(id, other)).toBe(false);
      }
      expect(await sessions.isOpen(id, principal, new Date())).toBe(true);
      expect(await sessions.end(id, principal)).toBe(true);
    });
  });
}
