import { z } from 'zod';
import type { FoundCheckpoint, FoundRecord, TrailArchive } from '../ports/audit-store.ts';
import { type Checkpoint, checkpoint, trailRecord } from '../types/audit-trail.ts';
import { isPerson, type Person } from '../types/people.ts';
import { hashOf } from './canonical.ts';
import type { PublicKeys } from './keys.ts';
import { type CheckedRecord, type Rule, trailRules } from './rules.ts';

export type Pruning = NonNullable<Checkpoint['pruned']> & { readonly at: string };

/** A checkpoint as who keeps it elsewhere knows it. */
export type Mark = { readonly number: number; readonly hash: string; readonly at: string };

export type Verification = {
  readonly records: number;
  readonly segments: number;
  readonly checkpoints: number;
  /** What was cut since it was signed is not missed. */
  readonly lastCheckpoint: Mark | undefined;
  /** Records that no checkpoint covers yet: signed, but a cut among them would not be found. */
  readonly since: number;
  readonly pruned: readonly Pruning[];
  /** The first of them, and how many there are. */
  readonly problems: readonly string[];
  readonly problemCount: number;
};

const MOST_TOLD = 100;

/** Holds a trail against every rule. Reads it once, whatever its size. */
export class Verifier {
  readonly #tenant: string;
  readonly #rules: readonly ReturnType<Rule>[];
  readonly #problems: string[] = [];
  readonly #pruned: Pruning[] = [];
  readonly #segments = new Set<string>();
  readonly #covered = new Map<string, number>();
  #problemCount = 0;
  #records = 0;
  #checkpoints = 0;
  #since = 0;
  #last: Mark | undefined;

  constructor(tenant: string, trusted: PublicKeys, rules: Readonly<Record<string, Rule>> = trailRules) {
    this.#tenant = tenant;
    const context = { tenant, trusted, report: (problem: string) => this.report(problem) };
    this.#rules = Object.values(rules).map((rule) => rule(context));
  }

  report(problem: string): void {
    this.#problemCount += 1;
    if (this.#problems.length < MOST_TOLD) this.#problems.push(problem);
  }

  /** All of them before the first record, by their numbers. */
  checkpoint({ value, key, signature }: FoundCheckpoint): void {
    this.#checkpoints += 1;
    const parsed = checkpoint.safeParse(value);
    if (!parsed.success) {
      this.report(`what stands as checkpoint ${this.#checkpoints} is none: ${z.prettifyError(parsed.error)}`);
      return;
    }
    for (const { segment, position } of [...parsed.data.open, ...parsed.data.closed])
      this.#covered.set(segment, position);
    const { pruned, at } = parsed.data;
    if (pruned !== undefined) this.#pruned.push({ ...pruned, at });
    this.#last = { number: parsed.data.number, hash: hashOf(parsed.data), at };
    for (const rule of this.#rules) rule.checkpoint?.({ value: parsed.data, key, signature });
  }

  /** By segment and position. Whether a checkpoint covers it. */
  record({ record, ...rest }: FoundRecord): boolean {
    this.#records += 1;
    const parsed = trailRecord.safeParse(record);
    if (!parsed.success) {
      this.report(`what stands as record ${this.#records} is none: ${z.prettifyError(parsed.error)}`);
      return true;
    }
    const checked: CheckedRecord = { ...rest, record: parsed.data, hash: hashOf(parsed.data) };
    const { segment, position } = parsed.data;
    this.#segments.add(segment);
    const covered = position <= (this.#covered.get(segment) ?? 0);
    if (!covered) this.#since += 1;
    for (const rule of this.#rules) rule.record?.(checked);
    return covered;
  }

  /** One that was added while the records were read: of what it covers, some was not. */
  added({ value, key, signature }: FoundCheckpoint): void {
    const parsed = checkpoint.safeParse(value);
    if (!parsed.success) {
      this.report(`what stands as the last checkpoint is none: ${z.prettifyError(parsed.error)}`);
      return;
    }
    const signed = { value: parsed.data, key, signature };
    for (const rule of this.#rules) {
      if (rule.added === undefined) rule.checkpoint?.(signed);
      else rule.added(signed);
    }
  }

  /** A pseudonym is fit for one name only. */
  person(person: Person): void {
    if (!isPerson(this.#tenant, person))
      this.report(`${person.pseudonym} is not what ${person.name} was called`);
  }

  end(): Verification {
    for (const rule of this.#rules) rule.end?.();
    return {
      records: this.#records,
      segments: this.#segments.size,
      checkpoints: this.#checkpoints,
      lastCheckpoint: this.#last,
      since: this.#since,
      pruned: this.#pruned,
      problems: this.#problems,
      problemCount: this.#problemCount,
    };
  }
}

type Shown =
  | { readonly kind: 'checkpoint'; readonly found: FoundCheckpoint }
  | { readonly kind: 'record'; readonly found: FoundRecord; readonly covered: boolean };

/** Shows a verifier the trail of a tenant, which others may be writing, and gives what it has shown. */
export async function* showTrail(
  archive: Pick<TrailArchive, 'checkpoints' | 'records'>,
  tenant: string,
  verifier: Verifier,
): AsyncGenerator<Shown> {
  let shown = 0;
  // First: of records that are written meanwhile they don't speak yet.
  for await (const found of archive.checkpoints(tenant)) {
    verifier.checkpoint(found);
    shown += 1;
    yield { kind: 'checkpoint', found };
  }
  for await (const found of archive.records(tenant)) {
    yield { kind: 'record', found, covered: verifier.record(found) };
  }
  // Records that were written meanwhile know of them.
  for await (const found of archive.checkpoints(tenant, shown)) verifier.added(found);
}

/** The trail of a tenant as the store has it. `earlier`: a checkpoint of before, which has to be in it still. */
export async function verifyTrail(
  archive: Pick<TrailArchive, 'checkpoints' | 'records' | 'everyone'>,
  tenant: string,
  trusted: PublicKeys,
  rules: Readonly<Record<string, Rule>> = trailRules,
  earlier?: Mark,
): Promise<Verification> {
  const verifier = new Verifier(tenant, trusted, rules);
  let kept = earlier === undefined;
  for await (const { kind, found } of showTrail(archive, tenant, verifier)) {
    if (kind === 'checkpoint') kept ||= hashOf(found.value) === earlier?.hash;
  }
  if (!kept) verifier.report(`checkpoint ${earlier?.number} of ${earlier?.at} is not in it any more`);
  for await (const person of archive.everyone(tenant)) verifier.person(person);
  return verifier.end();
}
