import { randomUUID } from 'node:crypto';
import { exportTrail, type Selection } from '../../src/audit/export.ts';
import type { AuditKeys } from '../../src/audit/keys.ts';
import { openTrail } from '../../src/audit/trail.ts';
import type { Verification } from '../../src/audit/verify.ts';
import type { AuditRecord } from '../../src/ports/audit.ts';
import { MemoryArchive } from './memory-archive.ts';

export const TENANT = 'default';

export function recordOf(subject: string, chain: readonly string[] = []): AuditRecord {
  return {
    tenant: TENANT,
    decisionId: randomUUID(),
    event: 'retrieve',
    issuer: 'https://issuer.example',
    subject,
    chain,
    details: {
      released: [{ documentId: 'plan', chunkId: '1', version: 1 }],
      reasons: {
        plan: [
          { user: subject, by: [`${subject} member group:eng`, 'group:eng#member viewer document:plan'] },
        ],
      },
      score: 0.25,
    },
  };
}

/** What one copy of the service writes, one record and the next `atOnce - 1` together, by turns, and then ends. */
export async function write(
  archive: MemoryArchive,
  keys: AuditKeys,
  records: readonly AuditRecord[],
  atOnce = 4,
): Promise<void> {
  const trail = openTrail(archive, keys, (error) => {
    throw error;
  });
  for (let i = 0; i < records.length; i += atOnce) {
    const [first, ...rest] = records.slice(i, i + atOnce);
    if (first !== undefined) await trail.append(first);
    await Promise.all(rest.map((record) => trail.append(record)));
  }
  await trail.close();
}

/** As `write`, and killed before its checkpoint. */
export async function writeAndDie(
  archive: MemoryArchive,
  keys: AuditKeys,
  records: readonly AuditRecord[],
): Promise<void> {
  const { checkpoints } = archive.rows;
  await write(archive, keys, records);
  archive.rows = { ...archive.rows, checkpoints };
}

export const PEOPLE = ['user:anne', 'user:bob', 'user:carl'];

export const recordsOf = (count: number): readonly AuditRecord[] =>
  Array.from({ length: count }, (_, i) => recordOf(PEOPLE[i % 3] ?? '', i % 2 === 0 ? [] : ['agent:bot']));

/** Several copies' segments under several checkpoints, and the records of one that died after the last. */
export async function someTrail(keys: AuditKeys): Promise<MemoryArchive> {
  const archive = new MemoryArchive();
  for (const count of [7, 6, 5]) await write(archive, keys, recordsOf(count));
  await writeAndDie(archive, keys, recordsOf(4));
  return archive;
}

export async function exported(
  archive: MemoryArchive,
  keys: AuditKeys,
  selection: Selection = { holds: 'all' },
): Promise<{ readonly lines: readonly string[]; readonly found: Verification | undefined }> {
  let found: Verification | undefined;
  const lines: string[] = [];
  for await (const line of exportTrail(archive, keys, TENANT, selection, (verification) => {
    found = verification;
  }))
    lines.push(line);
  return { lines, found };
}
