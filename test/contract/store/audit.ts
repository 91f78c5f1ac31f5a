import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresAuditLog, postgresDecisions } from '../../../src/adapters/postgres/audit.ts';
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

    it('of which one is read by its id, by its tenant alone', async () => {
      const appended = record();
      const { tenant, decisionId, ...rest } = appended;
      const { database } = opened();
      await postgresAuditLog(database).append(appended);
      const decisions = postgresDecisions(database);
      expect(await decisions.find(tenant, decisionId)).toEqual({ ...rest, at: expect.any(Date) });
      expect(await decisions.find(newTenant(), decisionId)).toBeUndefined();
      expect(await decisions.find(tenant, randomUUID())).toBeUndefined();
      expect(await decisions.find(tenant, 'a\0b')).toBeUndefined();
    });

    it('and rejects one that it can not keep', async () => {
      const unkept = { ...record(), tenant: 'a\0b' };
      await expect(postgresAuditLog(opened().database).append(unkept)).rejects.toMatchObject({
        code: 'audit_unavailable',
      });
    });
  });
}
