import type { Agents } from '../../ports/agents.ts';
import type { Agent } from '../../types/agent.ts';
import type { Database } from './database.ts';

type Row = {
  id: string;
  owner: string | null;
  purpose: string;
  risk_class: Agent['riskClass'];
  state: Agent['state'];
  expires_at: Date;
  created_by: string;
  created_at: Date;
  reviewed_by: string | null;
  reviewed_at: Date | null;
  revision: number;
};

const columns =
  'id, owner, purpose, risk_class, state, expires_at, created_by, created_at, reviewed_by, reviewed_at, revision';

export function postgresAgents(database: Database): Agents {
  return {
    async find(tenant, ids) {
      const { rows } = await database.prepared<Row>(
        `SELECT ${columns} FROM agents WHERE tenant = $1 AND id = ANY($2::text[])`,
        [tenant, ids],
      );
      return rows.map(toAgent);
    },
    async list(tenant, after, limit) {
      const { rows } = await database.query<Row>(
        `SELECT ${columns} FROM agents WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3`,
        [tenant, after, limit],
      );
      return rows.map(toAgent);
    },
    async ownedBy(tenant, owner) {
      const { rows } = await database.query<{ id: string }>(
        `SELECT id FROM agents WHERE tenant = $1 AND owner = $2 ORDER BY id`,
        [tenant, owner],
      );
      return rows.map(({ id }) => id);
    },
    async put(tenant, agent, revision) {
      const { id, owner, purpose, riskClass, state, expiresAt, createdBy, createdAt, reviewed } = agent;
      const { by: reviewedBy = null, at: reviewedAt = null } = reviewed ?? {};
      const known = [tenant, id, owner ?? null, purpose, riskClass, state, expiresAt, createdBy, createdAt];
      const values = [...known, reviewedBy, reviewedAt];
      const { rowCount } =
        revision === undefined
          ? await database.query(
              `INSERT INTO agents (tenant, ${columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1)
               ON CONFLICT DO NOTHING`,
              values,
            )
          : await database.query(
              `UPDATE agents SET owner = $3, purpose = $4, risk_class = $5, state = $6, expires_at = $7, created_by = $8,
                 created_at = $9, reviewed_by = $10, reviewed_at = $11, revision = revision + 1
               WHERE tenant = $1 AND id = $2 AND revision = $12`,
              [...values, revision],
            );
      return rowCount === 1;
    },
    async remove(tenant, id, revision) {
      const { rowCount } = await database.query(
        `DELETE FROM agents WHERE tenant = $1 AND id = $2 AND revision = $3`,
        [tenant, id, revision],
      );
      return rowCount === 1;
    },
  };
}

function toAgent(row: Row): Agent {
  const { reviewed_by: by, reviewed_at: at } = row;
  return {
    id: row.id,
    owner: row.owner ?? undefined,
    purpose: row.purpose,
    riskClass: row.risk_class,
    state: row.state,
    expiresAt: row.expires_at,
    createdBy: row.created_by,
    createdAt: row.created_at,
    reviewed: by === null || at === null ? undefined : { by, at },
    revision: row.revision,
  };
}
