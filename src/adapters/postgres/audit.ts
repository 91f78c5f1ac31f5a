import type { AuditRecord, Decisions } from '../../ports/audit.ts';
import type { TrailStore } from '../../ports/audit-store.ts';
import type { Checkpoint, Signed } from '../../types/audit-trail.ts';
import { namesOf, type Person, pseudonymsIn, withPeople } from '../../types/people.ts';
import type { Database } from './database.ts';

/** What the service's role may do: add, and read back no record. */
export function postgresTrail(database: Database): TrailStore {
  return {
    async add(records, people, until) {
      const { rowCount } = await database.prepared(
        `INSERT INTO audit (tenant, segment, position, decision_id, at, agent, hash, key, signature, record)
         SELECT r.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::timestamptz[], $6::boolean[], $7::text[],
           $8::text[], $9::text[], $10::jsonb[]) r
         WHERE now() < $13 AND cardinality($12::text[]) = (
           SELECT count(*) FROM unnest($11::text[], $12::text[]) p (tenant, pseudonym)
           JOIN audit_names n ON n.tenant = p.tenant AND n.pseudonym = p.pseudonym
         )`,
        [
          records.map(({ columns }) => columns.tenant),
          records.map(({ columns }) => columns.segment),
          records.map(({ columns }) => columns.position),
          records.map(({ columns }) => columns.decisionId),
          records.map(({ columns }) => columns.at),
          records.map(({ columns }) => columns.agent),
          records.map(({ columns }) => columns.hash),
          records.map(({ key }) => key),
          records.map(({ signature }) => signature),
          records.map(({ record }) => JSON.stringify(record)),
          people.map(({ tenant }) => tenant),
          people.map(({ pseudonym }) => pseudonym),
          until,
        ],
      );
      return rowCount === records.length;
    },

    async people(proposed) {
      const found = new Map<string, Person>();
      const keyOf = (tenant: string, name: string) => `${tenant} ${name}`;
      // What another copy adds at the same moment is seen the next time.
      while (found.size < proposed.length) {
        const { rows } = await database.prepared<Person & { tenant: string }>(
          `WITH wanted AS (
             SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS w(tenant, name, pseudonym, salt)
           ), made AS (
             INSERT INTO audit_names (tenant, name, pseudonym, salt) SELECT * FROM wanted
             ON CONFLICT (tenant, name) DO NOTHING RETURNING tenant, name, pseudonym, salt
           )
           SELECT * FROM made
           UNION ALL SELECT n.tenant, n.name, n.pseudonym, n.salt FROM audit_names n JOIN wanted w USING (tenant, name)`,
          [
            proposed.map(({ tenant }) => tenant),
            proposed.map(({ name }) => name),
            proposed.map(({ pseudonym }) => pseudonym),
            proposed.map(({ salt }) => salt),
          ],
        );
        for (const { tenant, ...person } of rows) found.set(keyOf(tenant, person.name), person);
      }
      return proposed.flatMap(({ tenant, name }) => found.get(keyOf(tenant, name)) ?? []);
    },

    async lastCheckpoint(tenant) {
      const { rows } = await database.prepared<{ key: string; signature: string; checkpoint: Checkpoint }>(
        `SELECT key, signature, checkpoint FROM audit_checkpoints WHERE tenant = $1 ORDER BY number DESC LIMIT 1`,
        [tenant],
      );
      return rows.map(
        ({ checkpoint, ...signed }): Signed<Checkpoint> => ({ ...signed, value: checkpoint }),
      )[0];
    },

    async addCheckpoint({ value, key, signature }) {
      const { rowCount } = await database.prepared(
        `INSERT INTO audit_checkpoints (tenant, number, key, signature, checkpoint) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT DO NOTHING`,
        [value.tenant, value.number, key, signature, JSON.stringify(value)],
      );
      return rowCount === 1;
    },

    async tip(tenant, segment) {
      const { rows } = await database.query<{
        at_position: number;
        hash: string;
        key: string | null;
        signature: string | null;
      }>(`SELECT * FROM audit_tip($1, $2)`, [tenant, segment]);
      return rows.map(({ at_position: position, ...tip }) => ({ position, ...tip }))[0];
    },
  };
}

/** With `actor`, and no `chain`: one from before the trail was chained. */
type Stored = Pick<AuditRecord, 'event' | 'issuer' | 'subject' | 'details'> & {
  readonly chain?: readonly string[];
  readonly actor?: string;
};

export function postgresDecisions(database: Database): Decisions {
  return {
    async find(tenant, decisionId) {
      // Postgres refuses a NUL, even in a question.
      if (decisionId.includes('\0')) return undefined;
      const { rows } = await database.query<{ at: Date; record: Stored }>(
        `SELECT at, record FROM find_decision($1, $2)`,
        [tenant, decisionId],
      );
      const found = rows.find(({ record }) => record.event !== 'withhold') ?? rows[0];
      if (found === undefined) return undefined;
      const withheld = rows.some(({ record }) => record.event === 'withhold');
      const known = await knownAmong(database, tenant, [...pseudonymsIn(found.record)]);
      const names = namesOf(tenant, known);
      const { event, issuer, subject, actor, chain, details } = withPeople(found.record, names) as Stored;
      const before = actor === undefined ? [] : [actor];
      return { at: found.at, event, issuer, subject, chain: chain ?? before, details, withheld };
    },
  };
}

export async function knownAmong(
  database: Database,
  tenant: string,
  pseudonyms: readonly string[],
): Promise<readonly Person[]> {
  if (pseudonyms.length === 0) return [];
  const { rows } = await database.query<Person>(
    `SELECT name, pseudonym, salt FROM audit_names WHERE tenant = $1 AND pseudonym = ANY($2::text[]) ORDER BY name`,
    [tenant, pseudonyms],
  );
  return rows;
}
