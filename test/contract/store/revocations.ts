import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { postgresHandOvers } from '../../../src/adapters/postgres/hand-overs.ts';
import { postgresRevocations } from '../../../src/adapters/postgres/revocations.ts';
import { postgresSessionWatch } from '../../../src/adapters/postgres/session-watch.ts';
import { postgresSessions } from '../../../src/adapters/postgres/sessions.ts';
import type { Revocation } from '../../../src/ports/revocations.ts';
import { revocationKey } from '../../../src/types/revocation.ts';
import { newTenant, principalOf, publish, type Store } from './stores.ts';

const MINUTE_MS = 60_000;
const ago = (minutes: number) => new Date(Date.now() - minutes * MINUTE_MS);
const inMinutes = (minutes: number) => ago(-minutes);
const aKey = () => revocationKey(newTenant(), { kind: 'principal', name: 'user:anne' });
const of = (key: Uint8Array, before: Revocation['before'], until?: Date): Revocation => ({
  tenant: 'default',
  kind: 'principal',
  key,
  before,
  ...(until === undefined ? {} : { until }),
});

export function revocationsContract(opened: () => Store): void {
  const revocations = () => postgresRevocations(opened().database);

  describe('revocations', () => {
    it('concern what was there before, and the newest counts', async () => {
      const [key, other, unknown] = [aKey(), aKey(), aKey()];
      await revocations().add([of(key, ago(10)), of(other, 'forever')]);
      expect(await revocations().concern([unknown, key], ago(11))).toBe(true);
      expect(await revocations().concern([unknown, key], ago(9))).toBe(false);
      expect(await revocations().concern([unknown, key], undefined)).toBe(true);
      expect(await revocations().concern([other], inMinutes(10_000))).toBe(true);
      expect(await revocations().concern([unknown], undefined)).toBe(false);
      await revocations().add([of(key, ago(20))]);
      expect(await revocations().concern([key], ago(11))).toBe(true);
      await revocations().add([of(key, 'now')]);
      expect(await revocations().concern([key], ago(9))).toBe(true);
      expect(await revocations().concern([key], inMinutes(9))).toBe(false);
    });

    it('of what comes once are made once', async () => {
      const [first, second] = [aKey(), aKey()];
      const once = { id: aKey(), until: inMinutes(1) };
      const add = (key: Uint8Array) => revocations().add([of(key, 'forever')], once);
      expect(await revocations().hasCome(once)).toBe(false);
      expect((await Promise.all([add(first), add(first)])).toSorted()).toEqual([false, true]);
      expect(await add(second)).toBe(false);
      expect(await revocations().hasCome(once)).toBe(true);
      expect(await revocations().concern([second], undefined)).toBe(false);
    });

    it('go once nothing that they concern can be valid, and stay where that is not known', async () => {
      const [old, kept, both] = [aKey(), aKey(), aKey()];
      await revocations().add([of(old, 'forever', ago(1)), of(kept, 'forever')]);
      await revocations().add([of(both, 'forever', ago(1))]);
      expect(await revocations().concern([old], undefined)).toBe(false);
      expect(await revocations().concern([kept], undefined)).toBe(true);
      await revocations().add([of(both, 'forever')]);
      await revocations().add([of(both, 'forever', ago(1))]);
      expect(await revocations().concern([both], undefined)).toBe(true);
    });
  });

  describe('what is handed over', () => {
    const sessions = () => postgresSessions(opened().database);
    const handOvers = () => postgresHandOvers(opened().database);

    async function started(
      keys: readonly Uint8Array[] = [],
      since: Date | undefined = new Date(),
      id: string = randomUUID(),
    ) {
      const principal = principalOf(newTenant());
      await sessions().create({ id, principal, expiresAt: inMinutes(1), keys, since });
      const give = (
        documents: readonly { documentId: string; version: number }[],
        audience: readonly string[] = [],
      ) =>
        handOvers().confirm({
          tenant: principal.tenant,
          keys: [],
          since: undefined,
          session: { id, audience, documents },
        });
      const remembered = async () => (await sessions().remembered(id, principal, new Date()))?.documents;
      return { id, principal, give, remembered };
    }

    it('is remembered, once, with everyone who was to see it, and until it is replaced as current', async () => {
      const { principal, give, remembered } = await started();
      await publish(opened(), principal.tenant, 'a', ['text']);
      expect(await remembered()).toEqual([]);
      expect(await give([])).toBe('confirmed');
      expect(
        await give([
          { documentId: 'a', version: 1 },
          { documentId: 'b', version: 3 },
        ]),
      ).toBe('confirmed');
      expect(await give([{ documentId: 'a', version: 1 }], ['user:bob', 'user:eve'])).toBe('confirmed');
      expect(await give([{ documentId: 'a', version: 1 }], ['user:bob'])).toBe('confirmed');
      const [first, second] = (await remembered()) ?? [];
      expect(first).toMatchObject({ documentId: 'a', version: 1, current: true });
      expect(first?.audience.toSorted()).toEqual(['user:bob', 'user:eve']);
      expect(second).toEqual({ documentId: 'b', version: 3, audience: [], current: false });
      await publish(opened(), principal.tenant, 'a', ['new text']);
      expect((await remembered())?.[0]).toMatchObject({ version: 1, current: false });
    });

    it('is nobody else’s, and gone with the session', async () => {
      const { id, principal, give, remembered } = await started();
      await give([{ documentId: 'a', version: 1 }]);
      for (const other of [
        { ...principal, tenant: newTenant() },
        { ...principal, issuer: 'another' },
        { ...principal, subject: 'user:bob' },
        { ...principal, chain: ['agent:bot'] },
      ]) {
        expect(await sessions().remembered(id, other, new Date())).toBeUndefined();
      }
      expect(await sessions().remembered(id, principal, inMinutes(2))).toBeUndefined();
      expect(await sessions().endAnyones(newTenant(), id)).toBe(false);
      expect(await sessions().endAnyones(principal.tenant, id)).toBe(true);
      expect(await remembered()).toBeUndefined();
      expect(await give([{ documentId: 'a', version: 1 }])).toBe('session_over');
      const { rowCount } = await opened().owner.query(`SELECT FROM session_documents WHERE session_id = $1`, [
        id,
      ]);
      expect(rowCount).toBe(0);
    });

    it('is nothing where the token was revoked, or what the session was started with', async () => {
      const [tokens, logins] = [aKey(), aKey()];
      const { id, principal, give, remembered } = await started([logins]);
      const ask = (since: Date | undefined) =>
        handOvers().confirm({ tenant: principal.tenant, keys: [tokens], since });
      expect(await ask(undefined)).toBe('confirmed');
      await revocations().add([of(tokens, ago(5))]);
      expect([await ask(undefined), await ask(ago(6)), await ask(ago(4))]).toEqual([
        'revoked',
        'revoked',
        'confirmed',
      ]);
      await revocations().add([of(logins, ago(5))]);
      expect(await give([{ documentId: 'a', version: 1 }])).toBe('confirmed');
      await revocations().add([of(logins, 'now')]);
      expect(await give([{ documentId: 'b', version: 1 }])).toBe('session_over');
      expect(await remembered()).toBeUndefined();
      expect(await sessions().isOpen(id, principal, new Date())).toBe(false);
    });

    it('is nothing in a session whose token was issued before what it was started with was revoked', async () => {
      const [login, unknown] = [aKey(), aKey()];
      const [before, after] = [await started([login], ago(5)), await started([login], ago(3))];
      await revocations().add([of(login, ago(4)), of(unknown, ago(60))]);
      expect([await before.give([]), await after.give([])]).toEqual(['session_over', 'confirmed']);
      // Nobody knows when it was issued.
      const session = { id: randomUUID(), principal: before.principal, expiresAt: inMinutes(1) };
      await sessions().create({ ...session, keys: [unknown], since: undefined });
      expect(await sessions().isOpen(session.id, session.principal, new Date())).toBe(false);
    });

    it('is remembered in whatever order two answers at a time name it', { timeout: 60_000 }, async () => {
      const { give, remembered } = await started();
      const all = Array.from({ length: 3_000 }, (_, i) => ({ documentId: `d${i}`, version: 1 }));
      const orders = [all, all.toReversed()];
      expect(await Promise.all(orders.map((each) => give(each)))).toEqual(['confirmed', 'confirmed']);
      expect(await remembered()).toHaveLength(all.length);
    });

    it('can be watched, for all streams at once', async () => {
      const [token, login] = [aKey(), aKey()];
      const [one, other] = [await started(), await started([login])];
      const watch = postgresSessionWatch(opened().database);
      const streams = [one, other].map(({ id, principal }, at) => ({
        sessionId: id,
        tenant: principal.tenant,
        keys: at === 0 ? [token, aKey()] : [aKey()],
        since: at === 0 ? ago(1) : undefined,
      }));
      expect(await watch.look(streams)).toEqual({ versions: new Map(), revoked: new Set(), over: new Set() });
      await publish(opened(), one.principal.tenant, 'a', ['text']);
      await revocations().add([of(token, ago(2)), of(login, 'now')]);
      const seen = await watch.look(streams);
      expect([...seen.versions.keys()]).toEqual([one.principal.tenant]);
      expect([[...seen.revoked], [...seen.over]]).toEqual([[], [1]]);
      await revocations().add([of(token, 'now')]);
      await sessions().end(one.id, one.principal);
      const then = await watch.look(streams);
      expect([[...then.revoked], [...then.over]]).toEqual([[0], [0, 1]]);
    });

    it('can be watched where another tenant has a session of the same id', async () => {
      const id = randomUUID();
      const [ended, other] = [await started([], new Date(), id), await started([], new Date(), id)];
      await sessions().end(id, ended.principal);
      const streams = [ended, other].map(({ principal: { tenant } }) => ({
        sessionId: id,
        tenant,
        keys: [],
        since: undefined,
      }));
      const { over } = await postgresSessionWatch(opened().database).look(streams);
      expect([...over]).toEqual([0]);
    });
  });
}
