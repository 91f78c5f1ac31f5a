import { describe, expect, it } from 'vitest';
import { postgresAgents } from '../../../src/adapters/postgres/agents.ts';
import type { Agent } from '../../../src/types/agent.ts';
import { newTenant, type Store } from './stores.ts';

const agent = (id: string): Agent => ({
  id,
  owner: 'user:anne',
  purpose: 'answers questions',
  riskClass: 'medium',
  state: 'active',
  expiresAt: new Date('2030-01-01T00:00:00Z'),
  createdBy: 'user:root',
  createdAt: new Date('2026-01-01T00:00:00Z'),
  reviewed: undefined,
  access: { default: 'alone', rules: [{ label: 'pii', rule: 'never' }] },
  revision: 1,
});

export function agentsContract(opened: () => Store): void {
  describe('agents', () => {
    it('of each tenant, as they were last written', async () => {
      const agents = postgresAgents(opened().database);
      const [tenant, other] = [newTenant(), newTenant()];
      expect(await agents.put(tenant, agent('bot'), undefined)).toBe(true);
      expect(await agents.put(tenant, agent('bot'), undefined)).toBe(false);
      expect(await agents.put(other, { ...agent('bot'), purpose: 'other' }, undefined)).toBe(true);
      expect(await agents.find(tenant, ['bot', 'none'])).toEqual([agent('bot')]);
      const reviewed = { by: 'user:root', at: new Date('2026-02-01T00:00:00Z') };
      const next: Agent = {
        ...agent('bot'),
        owner: undefined,
        state: 'suspended',
        reviewed,
        access: { default: 'approval', rules: [] },
      };
      expect(await agents.put(tenant, next, 1)).toBe(true);
      expect(await agents.put(tenant, agent('bot'), 1)).toBe(false);
      expect(await agents.find(tenant, ['bot'])).toEqual([{ ...next, revision: 2 }]);
      expect(await agents.find(other, ['bot'])).toMatchObject([{ purpose: 'other', revision: 1 }]);
    });

    it('page by page, and no longer once they are removed', async () => {
      const agents = postgresAgents(opened().database);
      const tenant = newTenant();
      for (const id of ['c', 'a', 'B', 'partner!x']) await agents.put(tenant, agent(id), undefined);
      const ids = async (after: string) => (await agents.list(tenant, after, 2)).map(({ id }) => id);
      expect(await ids('')).toEqual(['B', 'a']);
      expect(await ids('a')).toEqual(['c', 'partner!x']);
      expect(await agents.remove(tenant, 'c', 2)).toBe(false);
      expect(await agents.remove(tenant, 'c', 1)).toBe(true);
      expect(await ids('a')).toEqual(['partner!x']);
      const owner = agent('a').owner ?? '';
      expect(await agents.ownedBy(tenant, owner)).toEqual(['B', 'a', 'partner!x']);
      expect(await agents.ownedBy(tenant, 'user:nobody')).toEqual([]);
      expect(await agents.ownedBy(newTenant(), owner)).toEqual([]);
    });
  });
}
