import type { AuditLog } from '../../ports/audit.ts';
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
