import type { TrailStore } from '../ports/audit-store.ts';
import type { Checkpoint, Head, Signed } from '../types/audit-trail.ts';
import { hashOf } from './canonical.ts';
import { type AuditKeys, signatureProblem, signValue } from './keys.ts';
import { SEGMENT_OVER_MS } from './limits.ts';

/** Other copies take the next number too. */
const TRIES = 10;

/** A segment that this copy writes. `ended`: it takes no more records. */
type Own = { readonly head: Head; readonly ended: boolean };

/** What a copy has written since its last checkpoint, and the writing of them. */
export class Checkpoints {
  readonly #store: TrailStore;
  readonly #keys: AuditKeys;
  /** Not in a checkpoint yet: by tenant, then segment. */
  readonly #noted = new Map<string, Map<string, Own>>();
  /** Segments that a checkpoint of this copy has left open. */
  readonly #listed = new Set<string>();
  /** The last checkpoint that it knows of each tenant. */
  readonly #numbers = new Map<string, number>();

  constructor(store: TrailStore, keys: AuditKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  note(tenant: string, own: Own): void {
    this.#of(tenant).set(own.head.segment, own);
  }

  /** The last one's number, as far as this copy knows: looked up once. */
  async numberOf(tenant: string): Promise<number> {
    const known = this.#numbers.get(tenant);
    if (known !== undefined) return known;
    const last = await this.#store.lastCheckpoint(tenant);
    // One that nobody vouches for is told of when the next is written.
    const real = last !== undefined && problemOf(this.#keys, last) === undefined;
    const number = real ? last.value.number : 0;
    this.#numbers.set(tenant, number);
    return number;
  }

  /** For each tenant that needs one. What fails for one is tried again the next time. */
  async write(onError: (error: unknown) => void): Promise<void> {
    for (const [tenant, noted] of Array.from(this.#noted)) {
      this.#noted.delete(tenant);
      try {
        await this.#writeOne(tenant, [...noted.values()]);
      } catch (error) {
        const later = this.#of(tenant);
        for (const [segment, own] of noted) if (!later.has(segment)) later.set(segment, own);
        onError(error);
      }
    }
  }

  #of(tenant: string): Map<string, Own> {
    const noted = this.#noted.get(tenant) ?? new Map<string, Own>();
    this.#noted.set(tenant, noted);
    return noted;
  }

  async #writeOne(tenant: string, noted: readonly Own[]): Promise<void> {
    const { number, open, closed } = await addCheckpoint(this.#store, this.#keys, tenant, async (last) => {
      this.#requireNoLoss(tenant, last);
      const before = new Map((last?.open ?? []).map((head) => [head.segment, head]));
      // Closed by another copy meanwhile, because of its age.
      const own = noted.filter(
        ({ head }) => before.has(head.segment) || !(this.#listed.has(head.segment) || isOver(head)),
      );
      for (const { head } of own) requireSame(tenant, before.get(head.segment), head);
      const mine = new Map(own.map((each) => [each.head.segment, each]));
      const others = [...before.values()].filter(({ segment }) => !mine.has(segment));
      const over = await this.#over(tenant, others);
      return {
        open: [
          ...others.filter(({ segment }) => !over.has(segment)),
          ...own.filter(({ ended }) => !ended).map(({ head }) => furthest(head, before.get(head.segment))),
        ],
        closed: [...over.values(), ...own.filter(({ ended }) => ended).map(({ head }) => head)],
      };
    });
    this.#numbers.set(tenant, number);
    const mine = new Set(noted.map(({ head }) => head.segment));
    for (const { segment } of open) if (mine.has(segment)) this.#listed.add(segment);
    for (const { segment } of closed) this.#listed.delete(segment);
  }

  /** Segments that can't grow any more, of copies that are gone and of failed writes, as far as they went. */
  async #over(tenant: string, open: readonly Head[]): Promise<ReadonlyMap<string, Head>> {
    const over = new Map<string, Head>();
    for (const head of open.filter(isOver)) {
      const found = await grownHead(this.#store, this.#keys, tenant, head);
      if (found !== undefined) over.set(head.segment, found);
    }
    return over;
  }

  #requireNoLoss(tenant: string, last: Checkpoint | undefined): void {
    const known = this.#numbers.get(tenant) ?? 0;
    const found = last?.number ?? 0;
    if (found >= known) return;
    this.#numbers.set(tenant, found);
    // What it still writes is told of as if it began now.
    this.#listed.clear();
    throw new Error(
      `AUDIT TRAIL CUT: tenant ${tenant} had checkpoint ${known}, and the last one is ${found} now. If nobody has restored the database, somebody has taken from it.`,
    );
  }
}

export function isOver({ begun }: Pick<Head, 'begun'>): boolean {
  return Date.now() >= Date.parse(begun) + SEGMENT_OVER_MS;
}

/** Who exports may have been told of more records than this copy knew when it began. */
function furthest(own: Head, found: Head | undefined): Head {
  return found !== undefined && found.position > own.position ? found : own;
}

function requireSame(tenant: string, found: Head | undefined, own: Head): void {
  if (found?.position !== own.position || found.hash === own.hash) return;
  throw new Error(
    `AUDIT TRAIL CHANGED: record ${own.position} of segment ${own.segment}, tenant ${tenant}, is not what was written.`,
  );
}

/** As far as the store has it, if its last record is signed. */
export async function grownHead(
  store: Pick<TrailStore, 'tip'>,
  { trusted }: AuditKeys,
  tenant: string,
  head: Pick<Head, 'segment' | 'begun'> & Partial<Head>,
): Promise<Head | undefined> {
  const tip = await store.tip(tenant, head.segment);
  if (tip?.key == null || tip.signature === null || tip.position < (head.position ?? 1)) return undefined;
  const { position, hash, key, signature } = tip;
  if (signatureProblem(trusted, 'record', hash, { key, signature }) !== undefined) return undefined;
  return { segment: head.segment, position, hash, begun: head.begun };
}

/** The next checkpoint of a tenant: `next` is asked again where another copy was first. */
export async function addCheckpoint(
  store: Pick<TrailStore, 'lastCheckpoint' | 'addCheckpoint'>,
  keys: AuditKeys,
  tenant: string,
  next: (last: Checkpoint | undefined) => Promise<Pick<Checkpoint, 'open' | 'closed' | 'pruned'>>,
): Promise<Checkpoint> {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    const last = await store.lastCheckpoint(tenant);
    if (last !== undefined) requireTrusted(keys, last);
    const value: Checkpoint = {
      version: 1,
      tenant,
      number: (last?.value.number ?? 0) + 1,
      previous: last === undefined ? null : hashOf(last.value),
      at: new Date().toISOString(),
      ...(await next(last?.value)),
    };
    if (await store.addCheckpoint(signValue(keys, 'checkpoint', value))) return value;
  }
  throw new Error('others always wrote the next checkpoint first');
}

/** What goes on from a checkpoint vouches for it. */
function requireTrusted(keys: AuditKeys, signed: Signed<Checkpoint>): void {
  const problem = problemOf(keys, signed);
  if (problem === undefined) return;
  const { tenant, number } = signed.value;
  throw new Error(
    `The audit trail of tenant ${tenant} can't go on: its checkpoint ${number} ${problem}. Give every copy the same AUDIT_SIGNING_KEY, with the keys before it; if they have it, run "clearance audit verify".`,
  );
}

function problemOf(
  { trusted }: AuditKeys,
  { value, key, signature }: Signed<Checkpoint>,
): string | undefined {
  return signatureProblem(trusted, 'checkpoint', hashOf(value), { key, signature });
}
