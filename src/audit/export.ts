import type { FoundRecord, TrailArchive } from '../ports/audit-store.ts';
import { type TrailRecord, trailRecord } from '../types/audit-trail.ts';
import { batches } from '../types/batches.ts';
import { namesOf, pseudonymsIn, withPeople } from '../types/people.ts';
import { checkpointAll } from './archive.ts';
import { type ExportHead, ExportWriter, isWhole } from './export-file.ts';
import type { AuditKeys } from './keys.ts';
import { ocsfEvent } from './ocsf.ts';
import { showTrail, type Verification, Verifier } from './verify.ts';

/** Records, and names, that are looked up together. */
const PAGE = 500;

/** Which records: of what agents did, of what people did themselves, or of both; and from when to when. */
export type Selection = Pick<ExportHead, 'holds' | 'since' | 'until'>;

/**
 * The trail of a tenant up to a checkpoint that is signed for it now, as lines that prove themselves. All of it is verified on the way,
 * whatever is selected; `done` is told what was found.
 */
export async function* exportTrail(
  archive: TrailArchive,
  keys: AuditKeys,
  tenant: string,
  selection: Selection,
  done: (found: Verification) => void,
): AsyncGenerator<string> {
  const { at } = await checkpointAll(archive, keys, tenant);
  const head: ExportHead = { kind: 'export', version: 1, tenant, at, ...selection };
  const writer = new ExportWriter();
  const verifier = new Verifier(tenant, keys.trusted);
  yield writer.line(head);
  const pseudonyms = new Set<string>();
  for await (const shown of showTrail(archive, tenant, verifier)) {
    if (shown.kind === 'checkpoint') {
      const { value: checkpoint, key, signature } = shown.found;
      if (isWhole(head)) yield writer.line({ kind: 'checkpoint', checkpoint, key, signature });
    } else if (shown.covered && isSelected(shown.found, selection)) {
      const { record, key, signature } = shown.found;
      for (const pseudonym of pseudonymsIn(record)) pseudonyms.add(pseudonym);
      yield writer.line({ kind: 'record', record, key, signature });
    }
  }
  for (const some of batches([...pseudonyms].toSorted(), PAGE)) {
    for (const person of await archive.known(tenant, some)) {
      verifier.person(person);
      yield writer.line({ kind: 'name', ...person });
    }
  }
  const found = verifier.end();
  yield writer.seal(keys, found.problemCount);
  done(found);
}

/** The same records as OCSF events, with names where they are still known. These don't prove themselves. */
export async function* exportOcsf(
  archive: TrailArchive,
  keys: AuditKeys,
  tenant: string,
  selection: Selection,
  done: (found: Verification) => void,
): AsyncGenerator<string> {
  await checkpointAll(archive, keys, tenant);
  const verifier = new Verifier(tenant, keys.trusted);
  let page: TrailRecord[] = [];
  const events = async () => {
    const names = namesOf(tenant, await archive.known(tenant, [...pseudonymsIn(page)]));
    const lines = page.map((record) => `${JSON.stringify(ocsfEvent(record, withNames(names)))}\n`);
    page = [];
    return lines;
  };
  for await (const shown of showTrail(archive, tenant, verifier)) {
    if (shown.kind !== 'record' || !shown.covered || !isSelected(shown.found, selection)) continue;
    const { data } = trailRecord.safeParse(shown.found.record);
    if (data === undefined) continue;
    page.push(data);
    if (page.length === PAGE) yield* await events();
  }
  yield* await events();
  done(verifier.end());
}

function withNames(names: ReadonlyMap<string, string>) {
  return <T>(value: T): T => withPeople(value, names) as T;
}

/** What can't be read belongs to everything, and to nothing else. */
function isSelected({ record }: FoundRecord, { holds, since, until }: Selection): boolean {
  const { data } = trailRecord.safeParse(record);
  if (data === undefined) return holds === 'all' && since === undefined && until === undefined;
  const { at, agent } = data;
  if (since !== undefined && at < since) return false;
  if (until !== undefined && at >= until) return false;
  return holds === 'all' || agent === (holds === 'agents');
}
