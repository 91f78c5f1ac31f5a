import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkpointAll, eraseName, prune } from '../../src/audit/archive.ts';
import { explainRecord } from '../../src/audit/explain.ts';
import { exportOcsf } from '../../src/audit/export.ts';
import { verifyExport } from '../../src/audit/export-file.ts';
import { type AuditKeys, queryHasher, signValue } from '../../src/audit/keys.ts';
import { SEGMENT_OVER_MS } from '../../src/audit/limits.ts';
import { openTrail } from '../../src/audit/trail.ts';
import { verifyTrail } from '../../src/audit/verify.ts';
import type { Checkpoint } from '../../src/types/audit-trail.ts';
import { newKeys } from './keys.ts';
import type { MemoryArchive } from './memory-archive.ts';
import { exported, recordOf, recordsOf, someTrail, TENANT, write } from './world.ts';

let keys: AuditKeys;
let archive: MemoryArchive;
beforeEach(async () => {
  keys = newKeys();
  archive = await someTrail(keys);
});

const verified = (trusted = keys.trusted) => verifyTrail(archive, TENANT, trusted);
const lastCheckpoint = (): Checkpoint | undefined => archive.rows.checkpoints.at(-1)?.value;
const collect = async (lines: AsyncIterable<string>) => {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
};

describe('an export', () => {
  it('covers what a copy left that is gone, proves itself, and has the names', async () => {
    expect(await verified()).toMatchObject({ since: 4, checkpoints: 3 });
    const { lines, found } = await exported(archive, keys);
    expect(found).toMatchObject({ problems: [], since: 0, checkpoints: 4 });
    expect(await verified()).toMatchObject({ problems: [], since: 0, checkpoints: 4 });
    expect(lines.filter((line) => line.includes('"kind":"name"'))).toHaveLength(3);
    expect(lines.filter((line) => /user:(anne|bob|carl)/.test(line))).toHaveLength(3);
  });

  it('holds what is written after it begins only in the next', async () => {
    const { lines } = await exported(archive, keys);
    await write(archive, keys, recordsOf(3));
    const later = await exported(archive, keys);
    expect(await verifyExport(lines, keys.trusted)).toMatchObject({ problems: [], records: 22 });
    expect(await verifyExport(later.lines, keys.trusted)).toMatchObject({ problems: [], records: 25 });
  });

  it.each([
    [{ holds: 'agents' }, 10],
    [{ holds: 'people' }, 12],
    [{ holds: 'all', since: '2020-01-01T00:00:00.000Z' }, 22],
    [{ holds: 'all', until: '2020-01-01T00:00:00.000Z' }, 0],
    [{ holds: 'agents', since: '2020-01-01T00:00:00.000Z' }, 10],
  ] as const)('of a part, %o, is proved by its seal', async (selection, records) => {
    const { lines } = await exported(archive, keys, selection);
    expect(await verifyExport(lines, keys.trusted)).toMatchObject({ problems: [], records, head: selection });
    for (let at = 0; at < lines.length; at += 1)
      expect((await verifyExport(lines.toSpliced(at, 1), keys.trusted)).problemCount).toBeGreaterThan(0);
  });

  it('of a trail that is not whole says so, and is not taken for one', async () => {
    archive.rows = { ...archive.rows, records: archive.rows.records.slice(1) };
    const { lines, found } = await exported(archive, keys);
    expect(found?.problemCount).toBeGreaterThan(0);
    expect((await verifyExport(lines, keys.trusted)).problems).toContainEqual(
      expect.stringMatching(/^the trail that it was made of had \d+ problems/),
    );
  });

  it('is nothing to who has another key', async () => {
    const { lines } = await exported(archive, keys);
    expect((await verifyExport(lines, newKeys().trusted)).problemCount).toBeGreaterThan(10);
  });

  it('is proved after the key has changed, by who has both', async () => {
    const later = newKeys();
    const both = { signing: later.signing, trusted: new Map([...later.trusted, ...keys.trusted]) };
    await write(archive, both, recordsOf(2));
    const { lines } = await exported(archive, both);
    expect(await verifyExport(lines, both.trusted)).toMatchObject({ problems: [], records: 24 });
    expect((await verifyExport(lines, later.trusted)).problemCount).toBeGreaterThan(0);
    expect((await verifyExport(lines, keys.trusted)).problemCount).toBeGreaterThan(0);
  });

  it('in OCSF is of API activities, with names', async () => {
    const lines = await collect(exportOcsf(archive, keys, TENANT, { holds: 'agents' }, () => {}));
    expect(lines).toHaveLength(10);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      class_uid: 6003,
      category_uid: 6,
      activity_id: 2,
      type_uid: 600_302,
      severity_id: 1,
      time: expect.any(Number),
      metadata: { version: '1.6.0', product: { name: 'Clearance' }, tenant_uid: TENANT },
      actor: {
        user: { uid: expect.stringMatching(/^person:/), name: expect.stringMatching(/^user:/) },
        app_uid: 'agent:bot',
      },
      api: { operation: 'retrieve' },
      src_endpoint: { name: 'agent:bot' },
      resources: [{ uid: 'plan', type: 'document', version: '1' }],
    });
  });
});

describe('a trail that a copy goes on writing while it is read', () => {
  /** Five checkpoints, and records that know of them, between the first look at checkpoints and the records. */
  const busy = (): MemoryArchive => {
    const records = archive.records.bind(archive);
    archive.records = async function* () {
      for (let i = 0; i < 5; i += 1) await write(archive, keys, recordsOf(2));
      yield* records();
    };
    return archive;
  };

  it('is whole', async () => {
    expect(await verifyTrail(busy(), TENANT, keys.trusted)).toMatchObject({ problems: [], records: 32 });
  });

  it('is exported up to what was covered when that began', async () => {
    const { lines, found } = await exported(busy(), keys);
    expect(found).toMatchObject({ problems: [], records: 32 });
    expect(await verifyExport(lines, keys.trusted)).toMatchObject({ problems: [], records: 22 });
  });

  it('can be pruned', async () => {
    expect(await prune(busy(), keys, TENANT, new Date(0))).toEqual({ segments: 0, records: 0 });
  });

  it('is not whole where a checkpoint is cut off that its records know of', async () => {
    const all = archive.checkpoints.bind(archive);
    archive.checkpoints = async function* (tenant, above) {
      for await (const found of all(tenant, above)) if (found.value.number < 7) yield found;
    };
    const { problems } = await verifyTrail(busy(), TENANT, keys.trusted);
    expect(problems).toEqual([expect.stringMatching(/knows of checkpoint 7, which is not there$/)]);
  });
});

describe('a name that is erased', () => {
  const erase = async (name: string) => {
    const trail = openTrail(archive, keys, () => {});
    const pseudonym = await eraseName(archive, trail, TENANT, name, randomUUID());
    await trail.close();
    return pseudonym;
  };

  it('is in no export any more, and the trail stays whole', async () => {
    const before = (await exported(archive, keys)).lines;
    const pseudonym = await erase('user:anne');
    expect(await verified()).toMatchObject({ problems: [] });
    const { lines } = await exported(archive, keys);
    expect(await verifyExport(lines, keys.trusted)).toMatchObject({ problems: [], records: 23 });
    expect(before.join('')).toContain('user:anne');
    expect(lines.join('')).not.toContain('user:anne');
    expect(lines.join('')).toContain(pseudonym);
    const ocsf = await collect(exportOcsf(archive, keys, TENANT, { holds: 'all' }, () => {}));
    expect(ocsf.join('')).not.toContain('user:anne');
  });

  it('can not be made another', async () => {
    archive.rename('user:anne', 'user:eve');
    expect(await verified()).toMatchObject({
      problems: [expect.stringMatching(/is not what user:eve was called$/)],
    });
    const { lines, found } = await exported(archive, keys);
    expect(found?.problemCount).toBe(1);
    expect((await verifyExport(lines, keys.trusted)).problems).toContainEqual(
      expect.stringMatching(/user:eve/),
    );
    const ocsf = await collect(exportOcsf(archive, keys, TENANT, { holds: 'all' }, () => {}));
    expect(ocsf.join('')).not.toMatch(/user:(anne|eve)/);
    const trail = openTrail(archive, keys, () => {});
    await expect(trail.append(recordOf('user:anne'))).rejects.toMatchObject({ code: 'audit_unavailable' });
    await trail.close();
  });

  it('has to be there', async () => {
    await expect(erase('user:nobody')).rejects.toThrow('has nobody of the name user:nobody');
  });
});

describe('retention', () => {
  const soon = () => new Date(Date.now() + 60_000);
  const past = new Date(0);

  it('takes away closed segments whole, leaves what proves the rest, and says who did it', async () => {
    expect(await prune(archive, keys, TENANT, past)).toEqual({ segments: 0, records: 0 });
    const checkpoints = archive.rows.checkpoints.length;
    expect(await prune(archive, keys, TENANT, soon())).toEqual({ segments: 3, records: 18 });
    // What the dead copy wrote may still grow, for all that is known within the hour.
    expect(await verified()).toMatchObject({
      problems: [],
      records: 4,
      pruned: [{ by: 'owner', records: 18, segments: [{}, {}, {}] }],
    });
    expect(archive.rows.checkpoints.length).toBeGreaterThan(checkpoints);
    await write(archive, keys, recordsOf(2));
    const { lines } = await exported(archive, keys);
    expect(await verifyExport(lines, keys.trusted)).toMatchObject({
      problems: [],
      records: 6,
      pruned: [{ by: 'owner' }],
    });
  });

  it('is found out where more was taken away than it says', async () => {
    await prune(archive, keys, TENANT, soon());
    archive.rows = { ...archive.rows, records: [] };
    // The checkpoint that pruning begins with has covered them.
    expect((await verified()).problems).toEqual([expect.stringMatching(/ends at 0 and went to 4 once$/)]);
  });

  it('takes nothing from a trail that is not whole', async () => {
    const { records } = archive.rows;
    archive.rows = { ...archive.rows, records: records.slice(1) };
    await expect(prune(archive, keys, TENANT, soon())).rejects.toThrow('Nothing was taken away');
    expect(archive.rows.records).toHaveLength(records.length - 1);
  });
});

describe('a segment that a copy has left open', () => {
  it('is closed by another when nobody can write to it any more, with what came after its last checkpoint', async () => {
    const long = new Date(Date.now() - SEGMENT_OVER_MS - 1_000).toISOString();
    // As a copy would have left it that was killed an hour ago.
    await checkpointAll(archive, keys, TENANT);
    const [open] = lastCheckpoint()?.open ?? [];
    expect(open?.position).toBe(4);
    const first = archive.rows.records.find((each) => each.columns.segment === open?.segment);
    const head = { segment: open?.segment ?? '', position: 1, hash: first?.columns.hash ?? '', begun: long };
    const value = { ...(lastCheckpoint() as Checkpoint), open: [head] };
    const earlier = archive.rows.checkpoints.slice(0, -1);
    archive.rows = { ...archive.rows, checkpoints: [...earlier, signValue(keys, 'checkpoint', value)] };
    await write(archive, keys, recordsOf(1));
    expect(lastCheckpoint()?.closed).toContainEqual({ ...open, begun: long });
    expect(await verified()).toMatchObject({ problems: [], since: 0 });
  });
});

describe('a copy of the service', () => {
  it('says so where its checkpoints, or what it has written, are not what they were', async () => {
    const errors: string[] = [];
    const trail = openTrail(archive, keys, (error) => errors.push(String(error)));
    const tampered = structuredClone(archive.rows.checkpoints);
    archive.rows = {
      ...archive.rows,
      checkpoints: tampered.map((signed) => ({
        ...signed,
        value: { ...signed.value, open: [], closed: [] },
      })),
    };
    await trail.append(recordOf('user:anne'));
    await trail.close();
    expect(errors).toEqual([
      expect.stringMatching(/checkpoint 3 has a signature that is not of this content/),
    ]);
  });

  it('releases nothing where the names can not be kept', async () => {
    const trail = openTrail(
      { ...archiveParts(), people: () => Promise.reject(new Error('down')) },
      keys,
      () => {},
    );
    await expect(trail.append(recordOf('user:dora'))).rejects.toMatchObject({ code: 'audit_unavailable' });
    await trail.close();
  });

  const archiveParts = () => ({
    add: archive.add.bind(archive),
    people: archive.people.bind(archive),
    lastCheckpoint: archive.lastCheckpoint.bind(archive),
    addCheckpoint: archive.addCheckpoint.bind(archive),
    tip: archive.tip.bind(archive),
  });

  it('begins another segment after a write of which it does not know how it ended', async () => {
    let lost = false;
    const trail = openTrail(
      {
        ...archiveParts(),
        async add(records, people) {
          const added = await archive.add(records, people);
          if (!lost) {
            lost = true;
            throw new Error('the answer was lost');
          }
          return added;
        },
      },
      keys,
      (error) => {
        throw error;
      },
    );
    const before = (await verified()).segments;
    await expect(trail.append(recordOf('user:anne'))).rejects.toMatchObject({ code: 'audit_unavailable' });
    await trail.append(recordOf('user:anne'));
    await trail.close();
    expect(await verified()).toMatchObject({ problems: [], segments: before + 2 });
  });

  it('begins another segment for what comes after its end', async () => {
    const trail = openTrail(
      {
        ...archiveParts(),
        async add(records, people) {
          await sleep(20);
          return archive.add(records, people);
        },
      },
      keys,
      (error) => {
        throw error;
      },
    );
    const before = await verified();
    await trail.append(recordOf('user:anne'));
    const closed = trail.close();
    const late = trail.append(recordOf('user:bob'));
    await Promise.all([closed, late]);
    await trail.append(recordOf('user:carl'));
    expect(await verified()).toMatchObject({ problems: [], records: before.records + 3 });
  });
});

describe('what a query leaves', () => {
  it('is of its tenant and its key, and the same each time', () => {
    const hash = queryHasher(keys);
    expect(hash('a', 'who is ill?')).toMatch(/^[0-9a-f]{64}$/);
    expect(queryHasher(keys)('a', 'who is ill?')).toBe(hash('a', 'who is ill?'));
    expect(hash('b', 'who is ill?')).not.toBe(hash('a', 'who is ill?'));
    expect(queryHasher(newKeys())('a', 'who is ill?')).not.toBe(hash('a', 'who is ill?'));
  });
});

describe('an explanation', () => {
  it('is of sentences', () => {
    expect(explainRecord({ ...recordOf('user:anne', ['agent:bot']), withheld: false })).toEqual([
      'user:anne, through agent:bot: retrieve.',
      'plan, version 1, was released:',
      '  user:anne may read it, for the engine said, all at one time:',
      '    user:anne is member of group:eng',
      '    every member of group:eng is viewer of document:plan',
    ]);
  });

  it('says how else the engine was asked, and what led there', () => {
    const reasons = { plan: [{ user: 'user:anne', by: 'check', way: ['user:* viewer document:plan'] }] };
    const record = { ...recordOf('user:anne'), withheld: false };
    const { details } = record;
    expect(explainRecord({ ...record, details: { ...details, reasons } }).slice(2)).toEqual([
      '  The engine said that user:anne may read it, and these relationships led there:',
      '    every user is viewer of document:plan',
    ]);
    expect(explainRecord({ ...record, details: {} }).at(-1)).toBe('Nothing was released.');
  });

  it('says where nothing was given after all', () => {
    expect(explainRecord({ ...recordOf('user:anne'), withheld: true }).slice(0, 3)).toEqual([
      'user:anne: retrieve.',
      'It was withheld after all: nothing was given, or done.',
      'plan, version 1, was to be released:',
    ]);
  });
});
