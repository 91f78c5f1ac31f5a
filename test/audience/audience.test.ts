import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { membersBy } from '../../src/audience/members.ts';
import { openService, type Service } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import { developmentToken } from '../../src/operator.ts';
import type { AuditRecord } from '../../src/ports/audit.ts';
import type { Members } from '../../src/ports/members.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import { seed } from '../real/seed.ts';
import { realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';

/** A group may read what one of its members is denied. */
const dsl = `model
  schema 1.1
type user
type agent
type group
  relations
    define paused: [user]
    define member: [user, agent, group#member]
    define active: member but not paused
type document
  relations
    define blocked: [user]
    define viewer: [user, user:*, agent, group#member, group#active]
    define related: [document#viewer]
    define can_read: viewer but not blocked
`;
const t = (user: string, relation: string, object: string) => ({ user, relation, object });
const relationships = [
  t('user:anne', 'member', 'group:support'),
  t('user:bob', 'member', 'group:support'),
  t('group:night#member', 'member', 'group:support'),
  t('user:carl', 'member', 'group:night'),
  t('user:bob', 'paused', 'group:support'),
  ...Array.from({ length: 101 }, (_, i) => t(`user:p${i}`, 'member', 'group:crowd')),
];
const documentFor = (id: string, ...viewers: readonly string[]) => ({
  id,
  title: id,
  text: `The harbour ${id}.`,
  relationships: viewers.map((user) => ({ user, relation: 'viewer' })),
});
const documents = [
  documentFor('own', 'user:anne'),
  documentFor('pair', 'user:anne', 'user:bob'),
  documentFor('all', 'group:support#member'),
  {
    ...documentFor('barred', 'group:support#member'),
    relationships: [
      { user: 'group:support#member', relation: 'viewer' },
      { user: 'user:bob', relation: 'blocked' },
    ],
  },
  documentFor('bobs', 'user:bob', 'user:carl'),
  documentFor('public', 'user:*'),
];

const folder = mkdtempSync(join(tmpdir(), 'clearance-audience-'));
writeFileSync(join(folder, 'model.fga'), dsl);
afterAll(() => rmSync(folder, { recursive: true }));
const AUTHORIZATION_MODEL = join(folder, 'model.fga');

const places = [
  { name: 'embedded parts', there: true, real: false },
  { name: 'real parts', there: realParts() !== undefined, real: true },
];

describe.each(places)('an answer for an audience, on $name', ({ there, real }) => {
  let installation: Installation | undefined;
  let service: Service;
  let config: Config;
  let tokens: Record<'anne' | 'bob' | 'zoe', string>;

  beforeAll(async () => {
    if (!there) return;
    installation = real ? await install({ AUTHORIZATION_MODEL }) : undefined;
    config = readConfig(
      installation?.env ?? { CLEARANCE_DATA_DIR: join(folder, 'data'), PORT: '0', AUTHORIZATION_MODEL },
    );
    service = await openService(config, console.error);
    await seed(service.write, config, { documents, relationships });
    const token = (subject: string) =>
      developmentToken(config, { subject, scopes: ['retrieve'], lifetime: 3_600 });
    tokens = { anne: await token('anne'), bob: await token('bob'), zoe: await token('zoe') };
  });
  afterAll(async () => {
    await service?.close();
    await installation?.close();
  });

  const answer = (audience?: string[], who: keyof typeof tokens = 'anne', path: ReadPath = service.read) =>
    retrieve(path, tokens[who], { query: 'harbour', k: 20, ...(audience && { audience }) });
  const found = async (...asked: Parameters<typeof answer>) => {
    const { results, complete } = await answer(...asked);
    expect(complete).toBe(true);
    return results.map(({ document_id }) => document_id).toSorted();
  };

  describe.skipIf(!there)('asked of the service', () => {
    it('holds what everyone of it may read, and the one who asks', async () => {
      expect(await found()).toEqual(['all', 'barred', 'own', 'pair', 'public']);
      expect(await found(['user:bob'])).toEqual(['all', 'pair', 'public']);
      expect(await found(['user:bob', 'user:carl'])).toEqual(['all', 'public']);
      expect(await found(['user:anne'])).toEqual(await found());
      expect(await found(['user:zoe'])).toEqual(['public']);
      // What the others may read and the one who asks may not is not hers to have.
      expect(await found(['user:carl'])).not.toContain('bobs');
    });

    it('asks for each member of a group, for the group may read what one of them may not', async () => {
      expect(await found(['group:support#member'])).toEqual(['all', 'public']);
      expect(await found(['group:night#member'])).toEqual(['all', 'barred', 'public']);
    });

    it('and would show it to who may not, were the group asked about as a whole', async () => {
      const asWhole: Members = { of: async (_, entry) => ({ kind: 'people', people: [entry], exact: true }) };
      const wide = await unnarrowed({ config });
      const path = { ...service.read, index: wide.index, members: asWhole };
      const leak = await found(['group:support#member'], 'anne', path);
      await wide.close();
      expect(leak).toContain('barred');
    });

    it('counts only those that the engine says are in a group, where relationships alone don’t tell', async () => {
      // bob is paused: so what he is barred from is shown to the others.
      expect(await found(['group:support#active'])).toEqual(['all', 'barred', 'public']);
    });

    it('is empty for nobody: a group that there isn’t, an empty one, what the model doesn’t know', async () => {
      for (const entry of ['group:nowhere#member', 'ship:x', 'group:support#captain']) {
        expect(await found([entry])).toEqual([]);
        expect(await found(['user:bob', entry])).toEqual([]);
      }
    });

    it('tells nothing of a document that may not be read, by the people who may', async () => {
      const readers = ['document:bobs#viewer', 'document:nowhere#viewer', 'document:bobs'];
      for (const entry of [...readers, 'document:bobs#can_read', 'document:bobs#blocked']) {
        expect(await answer([entry])).toMatchObject({ results: [], complete: true });
        expect(await found(['user:bob', entry])).toEqual([]);
      }
    });

    it('and would tell, were a document’s readers an audience', async () => {
      const members = membersBy(modelFromDsl(dsl), 'nothing', service.write.relationships);
      const path = { ...service.read, members };
      expect(await found(['document:bobs#viewer'], 'anne', path)).toEqual(['all', 'public']);
      expect(await found(['document:nowhere#viewer'], 'anne', path)).toEqual([]);
    });

    it('is empty for more people than can be asked about, and says why', async () => {
      expect(await answer(['group:crowd#member'])).toMatchObject({
        results: [],
        complete: false,
        certified: false,
        shortfall: 'audience_too_large',
      });
      const hundred = Array.from({ length: 99 }, (_, i) => `user:p${i}`);
      expect(await answer(['group:support#member', ...hundred])).toMatchObject({
        results: [],
        complete: false,
      });
    });

    it('is a failure where nobody can tell who is in a group', async () => {
      const down: Members = { of: () => Promise.reject(new Error('down')) };
      await expect(
        answer(['group:support#member'], 'anne', { ...service.read, members: down }),
      ).rejects.toThrow('down');
      const engine = {
        ...service.read.engine,
        batchCheck: ({ checks }: { checks: readonly { correlationId: string }[] }) =>
          Promise.resolve(
            checks.map(({ correlationId }) => ({ correlationId, allowed: true, error: 'late' })),
          ),
      };
      await expect(
        answer(['group:support#active'], 'anne', { ...service.read, engine }),
      ).rejects.toMatchObject({ code: 'engine_unavailable' });
    });

    it('is in the audit trail with its audience, and the reasons of each', async () => {
      const records: AuditRecord[] = [];
      const audit = { append: async (record: AuditRecord) => void records.push(record) };
      await answer(['user:bob'], 'anne', { ...service.read, audit });
      expect(records).toMatchObject([{ details: { audience: ['user:bob'] } }]);
      const reasons = records[0]?.details['reasons'] as Record<string, readonly { user: string }[]>;
      expect(reasons['pair']?.map(({ user }) => user)).toEqual(['user:anne', 'user:bob']);
    });

    it('follows who leaves, at once', async () => {
      const carl = t('user:carl', 'member', 'group:night');
      await service.write.relationships.write('default', { writes: [], deletes: [carl] });
      expect(await found(['group:night#member'])).toEqual([]);
      await service.write.relationships.write('default', { writes: [carl], deletes: [] });
      expect(await found(['group:night#member'])).toEqual(['all', 'barred', 'public']);
    });
  });
});
