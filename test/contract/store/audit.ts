import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresDecisions, postgresTrail } from '../../../src/adapters/postgres/audit.ts';
import { postgresArchive } from '../../../src/adapters/postgres/audit-archive.ts';
import { openTrail, type Trail } from '../../../src/audit/trail.ts';
import { verifyTrail } from '../../../src/audit/verify.ts';
import type { AuditRecord } from '../../../src/ports/audit.ts';
import { newKeys } from '../../audit/keys.ts';
import { newTenant, type Store } from './stores.ts';

const record = (tenant = newTenant(), subject = 'user:anne'): AuditRecord => ({
  tenant,
  decisionId: randomUUID(),
  event: 'retrieve',
  issuer: 'issuer',
  subject,
  chain: ['agent:bot'],
  details: { released: ['a'], reasons: { a: [{ by: [`${subject} viewer document:a`] }] } },
});

const keys = newKeys();

export function auditContract(opened: () => Store): void {
  describe('an audit trail', () => {
    const errors: unknown[] = [];
    const open = (): Trail =>
      openTrail(postgresTrail(opened().database), keys, (error) => errors.push(error));
    async function appended(...records: readonly AuditRecord[]): Promise<void> {
      const trail = open();
      await Promise.all(records.map((one) => trail.append(one)));
      await trail.close();
    }
    const verified = (tenant: string) => verifyTrail(postgresArchive(opened().owner), tenant, keys.trusted);

    it('of records that are there once `append` has resolved, without names', async () => {
      const one = record();
      const trail = open();
      await trail.append(one);
      const { rows } = await opened().owner.query<{ record: unknown; agent: boolean }>(
        `SELECT record, agent FROM audit WHERE tenant = $1 AND decision_id = $2`,
        [one.tenant, one.decisionId],
      );
      await trail.close();
      expect(rows).toEqual([
        { agent: true, record: expect.objectContaining({ event: 'retrieve', position: 1 }) },
      ]);
      expect(JSON.stringify(rows)).not.toContain('anne');
      expect(JSON.stringify(rows)).toMatch(/person:[\w-]{22} viewer document:a/);
    });

    it('of which one is read by its id, by its tenant alone, with names', async () => {
      const one = record();
      const { tenant, decisionId, ...rest } = one;
      await appended(one);
      const decisions = postgresDecisions(opened().database);
      expect(await decisions.find(tenant, decisionId)).toEqual({
        ...rest,
        at: expect.any(Date),
        withheld: false,
      });
      expect(await decisions.find(newTenant(), decisionId)).toBeUndefined();
      expect(await decisions.find(tenant, randomUUID())).toBeUndefined();
      expect(await decisions.find(tenant, 'a\0b')).toBeUndefined();
    });

    it('and one from before it was chained is still read', async () => {
      const { tenant, decisionId, chain, ...rest } = record();
      await opened().owner.query(
        `INSERT INTO audit_unchained (tenant, decision_id, record) VALUES ($1, $2, $3)`,
        [tenant, decisionId, JSON.stringify({ ...rest, actor: chain[0] })],
      );
      expect(await postgresDecisions(opened().database).find(tenant, decisionId)).toEqual({
        ...rest,
        chain,
        at: expect.any(Date),
        withheld: false,
      });
    });

    it('of which one that was taken back is the first record still, and says so', async () => {
      const { tenant, decisionId, ...rest } = record();
      const [first, second] = [open(), open()];
      await first.append({ tenant, decisionId, ...rest });
      // By another copy, whose segment may be found first.
      await second.append({ tenant, decisionId, ...rest, event: 'withhold', details: {} });
      await Promise.all([first.close(), second.close()]);
      expect(await postgresDecisions(opened().database).find(tenant, decisionId)).toEqual({
        ...rest,
        at: expect.any(Date),
        withheld: true,
      });
    });

    // Random, for an index compresses what it takes.
    const endless = `user:${randomBytes(6_000).toString('base64url')}`;
    it.each([
      ['of a tenant with a NUL', { ...record(), tenant: 'a\0b' }],
      ['with a name that is too long for an index', record(newTenant(), endless)],
    ])('and rejects one %s, alone', async (_, unfit) => {
      const trail = open();
      const kept = record();
      const outcomes = await Promise.allSettled([
        trail.append(record()),
        trail.append(unfit),
        trail.append(kept),
      ]);
      await trail.close();
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(outcomes[1]).toMatchObject({ reason: { code: 'audit_unavailable' } });
      expect(await verified(kept.tenant)).toMatchObject({ problems: [], records: 1, since: 0 });
    });

    it('of one chain for each copy that writes, all in the checkpoints of the tenant', async () => {
      const tenants = [newTenant(), newTenant()];
      const copies = Array.from({ length: 4 }, open);
      await Promise.all(
        copies.flatMap((copy, i) =>
          Array.from({ length: 60 }, (_, n) => copy.append(record(tenants[n % 2], `user:p${(n + i) % 7}`))),
        ),
      );
      const during = await verified(tenants[0] ?? '');
      await Promise.all(copies.map((copy) => copy.close()));
      expect(errors).toEqual([]);
      expect(during).toMatchObject({ problems: [], records: 120, segments: 4 });
      for (const tenant of tenants) {
        expect(await verified(tenant)).toMatchObject({
          problems: [],
          records: 120,
          segments: 4,
          checkpoints: 4,
          since: 0,
        });
      }
    });

    it('that a person who is forgotten comes back to under another pseudonym', async () => {
      const tenant = newTenant();
      const archive = postgresArchive(opened().owner);
      const trail = open();
      await trail.append(record(tenant));
      const before = await archive.pseudonymOf(tenant, 'user:anne');
      await archive.forget(tenant, before ?? '');
      await trail.append(record(tenant));
      await trail.close();
      const after = await archive.pseudonymOf(tenant, 'user:anne');
      expect(after).toMatch(/^person:/);
      expect(after).not.toBe(before);
      const subjects: unknown[] = [];
      for await (const found of archive.records(tenant))
        subjects.push((found.record as { subject: string }).subject);
      expect(subjects.toSorted()).toEqual([before, after].toSorted());
      expect(await verified(tenant)).toMatchObject({ problems: [], records: 2 });
    });
  });
}
