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
    const signed = { value: parsed.data, key, signature };
    for (const { segment, position } of [...parsed.data.open, ...parsed.data.closed])
      this.#covered.set(segment, position);
    const { pruned, at } = parsed.data;
    if (pruned !== undefined) this.#pruned.push({ ...pruned, at });
    this.#last = { number: parsed.data.number, hash: hashOf(parsed.data), at };
    for (const rule of this.#rules) rule.checkpoint?.(signed);
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
  // Checkpoints first: of records that are written meanwhile none speaks yet.
  for await (const found of archive.checkpoints(tenant)) {
    verifier.checkpoint(found);
    kept ||= hashOf(found.value) === earlier?.hash;
  }
  if (!kept) verifier.report(`checkpoint ${earlier?.number} of ${earlier?.at} is not in it any more`);
  for await (const found of archive.records(tenant)) verifier.record(found);
  for await (const person of archive.everyone(tenant)) verifier.person(person);
  return verifier.end();
}
