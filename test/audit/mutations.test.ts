import { beforeAll, describe, expect, it } from 'vitest';
import { verifyExport } from '../../src/audit/export-file.ts';
import type { AuditKeys } from '../../src/audit/keys.ts';
import { type Rule, trailRules } from '../../src/audit/rules.ts';
import { verifyTrail } from '../../src/audit/verify.ts';
import { fileMutations } from './file-mutations.ts';
import { newKeys } from './keys.ts';
import { MemoryArchive, type Rows } from './memory-archive.ts';
import { seededRandom } from './random.ts';
import { trailMutations } from './trail-mutations.ts';
import { exported, someTrail, TENANT } from './world.ts';

/** Of an exported file, and half as many of the trail itself. */
const MUTATIONS = Number(process.env.AUDIT_MUTATIONS ?? 1_000);
const timeout = 60_000 + MUTATIONS * 20;
const random = seededRandom(20_261_127);

let keys: AuditKeys;
let archive: MemoryArchive;
let lines: readonly string[];

beforeAll(async () => {
  keys = newKeys();
  archive = await someTrail(keys);
  // Makes a checkpoint over all of it, which the trail itself is not to have below.
  const { rows } = archive;
  lines = (await exported(archive, keys)).lines;
  archive.rows = rows;
});

const without = (name: keyof typeof trailRules): Readonly<Record<string, Rule>> =>
  Object.fromEntries(Object.entries(trailRules).filter(([each]) => each !== name));

/** Names of the mutations that were not found. */
async function missed<T>(
  mutations: readonly { readonly name: string; readonly mutated: T }[],
  problems: (mutated: T) => Promise<number>,
): Promise<readonly string[]> {
  const names: string[] = [];
  for (const { name, mutated } of mutations) if ((await problems(mutated)) === 0) names.push(name);
  return names;
}

describe('an exported trail', () => {
  const verified = async (
    file: readonly string[],
    seal = true,
    rules: Readonly<Record<string, Rule>> = trailRules,
  ) => (await verifyExport(file, keys.trusted, rules, { form: seal, seal })).problemCount;

  it('is found whole as it is', async () => {
    expect(await verifyExport(lines, keys.trusted)).toMatchObject({
      problems: [],
      records: 22,
      segments: 4,
      checkpoints: 4,
      since: 0,
    });
  });

  it(`of which ${MUTATIONS} random mutations are all found, and some are not without the seal`, {
    timeout,
  }, async () => {
    const mutations = fileMutations(lines, MUTATIONS, random, newKeys());
    expect(new Set(mutations.map(({ name }) => name)).size).toBeGreaterThan(9);
    expect(await missed(mutations, (file) => verified(file))).toEqual([]);
    expect((await missed(mutations.slice(0, 200), (file) => verified(file, false))).length).toBeGreaterThan(
      0,
    );
  });
});

describe('the trail in a store whose owner tampers with it, and has no key', () => {
  const verified = async (rows: Rows, rules: Readonly<Record<string, Rule>> = trailRules) => {
    const tampered = new MemoryArchive();
    tampered.rows = rows;
    return (await verifyTrail(tampered, TENANT, keys.trusted, rules)).problemCount;
  };
  const mutate = (count: number) => trailMutations(archive.rows, count, random, newKeys());

  it(`is found out in ${MUTATIONS / 2} ways`, { timeout }, async () => {
    expect(await verified(archive.rows)).toBe(0);
    const mutations = mutate(MUTATIONS / 2);
    expect(new Set(mutations.map(({ name }) => name)).size).toBeGreaterThan(12);
    expect(await missed(mutations, (rows) => verified(rows))).toEqual([]);
  });

  it.each(Object.keys(trailRules) as (keyof typeof trailRules)[])(
    'and in some is not without the rule %s',
    async (rule) => {
      expect((await missed(mutate(150), (rows) => verified(rows, without(rule)))).length).toBeGreaterThan(0);
    },
  );

  it('is not found out where it cuts what came after the last checkpoint, and nothing else', async () => {
    const { records } = archive.rows;
    const covered = new Set(
      archive.rows.checkpoints.flatMap(({ value }) => value.closed.map(({ segment }) => segment)),
    );
    const tail = records.filter(({ columns }) => !covered.has(columns.segment));
    expect(tail).toHaveLength(4);
    for (const kept of [0, 1]) {
      const cut = [...records.filter((record) => !tail.includes(record)), ...tail.slice(0, kept)];
      expect(await verified({ ...archive.rows, records: cut })).toBe(0);
    }
    // In the middle of what was written together: its signature is missing.
    const torn = [...records.filter((record) => !tail.includes(record)), ...tail.slice(0, 3)];
    expect(await verified({ ...archive.rows, records: torn })).toBeGreaterThan(0);
  });

  it('is found out where it takes checkpoints along, by who has an export from before', async () => {
    const { lastCheckpoint } = await verifyTrail(archive, TENANT, keys.trusted);
    const taken = new Set(archive.rows.checkpoints.at(-1)?.value.closed.map(({ segment }) => segment));
    const rolledBack = new MemoryArchive();
    rolledBack.rows = {
      records: archive.rows.records.filter(
        ({ record }) => !taken.has(record.segment) && record.checkpoint < 3,
      ),
      checkpoints: archive.rows.checkpoints.slice(0, -1),
    };
    expect(await verifyTrail(rolledBack, TENANT, keys.trusted)).toMatchObject({ problems: [] });
    expect(await verifyTrail(rolledBack, TENANT, keys.trusted, trailRules, lastCheckpoint)).toMatchObject({
      problems: [expect.stringMatching(/^checkpoint 3 of .* is not in it any more$/)],
    });
    expect(await verifyTrail(archive, TENANT, keys.trusted, trailRules, lastCheckpoint)).toMatchObject({
      problems: [],
    });
  });
});
