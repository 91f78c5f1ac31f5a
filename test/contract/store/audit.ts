import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresAuditLog } from '../../../src/adapters/postgres/audit.ts';
import type { AuditRecord } from '../../../src/ports/audit.ts';
import { newTenant, type Store } from './stores.ts';

const record = (): AuditRecord => ({
  tenant: newTenant(),
  decisionId: randomUUID(),
  event: 'retrieve',
  issuer: 'issuer',
  subject: 'user:anne',
  details: { released: ['a'] },
});

export function auditContract(opened: () => Store): void {
  describe('an audit trail', () => {
    it('of records that are there once `append` has resolved', async () => {
      const appended = record();
      await postgresAuditLog(opened().database).append(appended);
      const { tenant, decisionId, ...rest } = appended;
      const { rows } = await opened().owner.query(`SELECT decision_id, record FROM audit WHERE tenant = $1`, [
        tenant,
      ]);
      expect(rows).toEqual([{ decision_id: decisionId, record: rest }]);
    });

    it('and rejects one that it can not keep', async () => {
      const unkept = { ...record(), tenant: 'a\0b' };
      await expect(postgresAuditLog(opened().database).append(unkept)).rejects.toMatchObject({
        code: 'audit_unavailable',
      });
    });
  });
}
