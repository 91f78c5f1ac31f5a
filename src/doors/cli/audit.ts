import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Selection } from '../../audit/export.ts';
import type { Verification } from '../../audit/verify.ts';
import {
  erasePerson,
  explainDecision,
  exportStore,
  type Format,
  pruneStore,
  publicAuditKeys,
  trustedKeys,
  verifyFile,
  verifyStore,
} from '../../audit-operations.ts';
import type { Config } from '../../config.ts';
import { StartupError } from '../../types/errors.ts';

export async function verifyTrails(
  config: Config,
  keys: readonly string[],
  after: string | undefined,
): Promise<void> {
  const all = await verifyStore(config, keys, after);
  if (all.length === 0) console.log('There is no record yet.');
  for (const { tenant, ...found } of all) {
    console.log(`Tenant ${tenant}:`);
    print(found);
    const { since } = found;
    if (since > 0) {
      console.log(
        `  ${since} records came after the last checkpoint: each is signed, and were the last of them cut off, it would not show.`,
      );
    }
  }
}

export async function verifyExported(config: Config, file: string, keys: readonly string[]): Promise<void> {
  const { head, ...found } = await verifyFile(file, await trustedKeys(config, keys));
  if (head !== undefined) {
    const { tenant, at, holds, since, until } = head;
    const range = `${since === undefined ? '' : ` from ${since} on`}${until === undefined ? '' : ` before ${until}`}`;
    console.log(`Export of tenant ${tenant}, ${at}: ${holds}${range}.`);
  }
  print(found);
}

function print({
  records,
  segments,
  checkpoints,
  lastCheckpoint,
  pruned,
  problems,
  problemCount,
}: Verification) {
  const last = lastCheckpoint === undefined ? '' : `, the last of ${lastCheckpoint.at}`;
  console.log(`  ${records} records in ${segments} segments, ${checkpoints} checkpoints${last}.`);
  for (const { at, by, before, records, segments } of pruned) {
    console.log(
      `  Taken away by ${by}, ${at}: ${records} records, ${segments.length} segments of before ${before}.`,
    );
  }
  if (problemCount === 0) {
    console.log('  Whole: nothing was changed, removed, reordered or cut off.');
    return;
  }
  console.log(`  NOT WHOLE: ${problemCount} problems.`);
  for (const problem of problems) console.log(`    ${problem}`);
  process.exitCode = 1;
}

export async function explain(config: Config, tenant: string, decision: string): Promise<void> {
  const found = await explainDecision(config, tenant, decision);
  if (found === undefined) throw new StartupError(`Tenant ${tenant} has no decision ${decision}.`);
  console.log(found.at.toISOString());
  for (const line of found.lines) console.log(line);
}

export async function exportAll(
  config: Config,
  tenant: string,
  format: Format,
  selection: Selection,
): Promise<void> {
  const found = await exportStore(config, tenant, format, selection, (lines) =>
    pipeline(Readable.from(lines), process.stdout, { end: false }),
  );
  if (found === undefined || found.problemCount === 0) return;
  console.error(
    `clearance: the trail is NOT WHOLE: ${found.problemCount} problems, the first: ${found.problems[0]}`,
  );
  process.exitCode = 1;
}

export async function printKeys(config: Config): Promise<void> {
  console.log(await publicAuditKeys(config));
}

export async function pruneBefore(config: Config, tenant: string, before: Date): Promise<void> {
  const { segments, records } = await pruneStore(config, tenant, before);
  console.log(
    segments === 0
      ? 'No closed segment is of before that: nothing was taken away.'
      : `Taken away: ${records} records, ${segments} segments. What proves the rest stays, and says so.`,
  );
}

export async function erase(config: Config, tenant: string, name: string): Promise<void> {
  const pseudonym = await erasePerson(config, tenant, name);
  console.log(`${name} is ${pseudonym} in the trail of tenant ${tenant}, and nobody knows that any more.`);
}
