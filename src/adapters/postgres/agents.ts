import type { Agents } from '../../ports/agents.ts';
import type { Agent } from '../../types/agent.ts';
import type { Database } from './database.ts';
import { postgresEntries } from './entries.ts';

type Row = { risk_class: Agent['riskClass']; expires_at: Date; access: Agent['access'] };

export function postgresAgents(database: Database): Agents {
  const entries = postgresEntries<Agent, Row>(database, {
    name: 'agents',
    columns: {
      risk_class: ({ riskClass }) => riskClass,
      expires_at: ({ expiresAt }) => expiresAt,
      access: ({ access }) => JSON.stringify(access),
    },
    fromRow: (known, { risk_class, expires_at, access }) => ({
      ...known,
      riskClass: risk_class,
      expiresAt: expires_at,
      access,
    }),
  });
  return {
    ...entries,
    async ownedBy(tenant, owner) {
      const { rows } = await database.query<{ id: string }>(
        `SELECT id FROM agents WHERE tenant = $1 AND owner = $2 ORDER BY id`,
        [tenant, owner],
      );
      return rows.map(({ id }) => id);
    },
  };
}
