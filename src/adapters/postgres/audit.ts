import type { AuditLog, AuditRecord, Decisions } from '../../ports/audit.ts';
import { ClearanceError } from '../../types/errors.ts';
import type { Database } from './database.ts';

export function postgresAuditLog(database: Database): AuditLog {
  return {
    async append({ tenant, decisionId, ...record }) {
      try {
        await database.prepared(`INSERT INTO audit (tenant, decision_id, record) VALUES ($1, $2, $3)`, [
          tenant,
          decisionId,
          JSON.stringify(record),
        ]);
      } catch (cause) {
        throw new ClearanceError(
          'audit_unavailable',
          'The audit trail can not be written, so nothing was released or changed. Try again.',
          { cause },
        );
      }
    },
  };
}

export function postgresDecisions(database: Database): Decisions {
  return {
    async find(tenant, decisionId) {
      // Postgres refuses a NUL, even in a question.
      if (decisionId.includes('\0')) return undefined;
      const { rows } = await database.query<{ at: Date; record: Omit<AuditRecord, 'tenant' | 'decisionId'> }>(
        `SELECT at, record FROM find_decision($1, $2)`,
        [tenant, decisionId],
      );
      return rows[0] && { at: rows[0].at, ...rows[0].record };
    },
  };
}
