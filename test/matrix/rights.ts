import type { TupleKey } from '../../src/types/tuple.ts';

/** Each has the next, and each but the last is inherited from a parent folder. */
const ORDER = ['owner', 'editor', 'viewer', 'can_read'];
const EVERYONE = 'user:*';

/**
 * Who has which right by models/default.fga, written down once more and the other way round: not from a question to what answers
 * it, but by giving everyone all that follows until nothing more does.
 */
export class Rights {
  readonly #holders = new Map<string, Set<string>>();

  constructor(tuples: readonly TupleKey[]) {
    const secured = new Set(
      tuples.map(({ object }) => object).filter((object) => !object.startsWith('group:')),
    );
    let before: number;
    do {
      before = this.#count();
      for (const { user, relation, object } of tuples) {
        if (relation === 'parent') {
          for (const each of ORDER.slice(0, -1)) this.#give(`${object}#${each}`, this.#of(`${user}#${each}`));
        } else this.#give(`${object}#${relation}`, user.includes('#') ? this.#of(user) : [user]);
      }
      for (const object of secured) {
        for (const [i, relation] of ORDER.slice(1).entries())
          this.#give(`${object}#${relation}`, this.#of(`${object}#${ORDER[i]}`));
      }
    } while (this.#count() > before);
  }

  has(user: string, relation: string, object: string): boolean {
    const holders = this.#of(`${object}#${relation}`);
    return holders.has(user) || (user.startsWith('user:') && holders.has(EVERYONE));
  }

  /** Whom `group:staff#member` stands for, or anyone by name; nobody, who a folder or a document is shared with. */
  everyoneOf(entry: string): ReadonlySet<string> | 'everyone' {
    if (!entry.includes('#')) return new Set([entry]);
    if (!entry.endsWith('#member')) return new Set();
    const holders = this.#of(entry);
    return holders.has(EVERYONE) ? 'everyone' : holders;
  }

  #of(right: string): ReadonlySet<string> {
    return this.#holders.get(right) ?? new Set();
  }

  #give(right: string, users: Iterable<string>): void {
    const holders = this.#holders.get(right) ?? new Set();
    for (const user of users) holders.add(user);
    this.#holders.set(right, holders);
  }

  #count(): number {
    return [...this.#holders.values()].reduce((sum, { size }) => sum + size, 0);
  }
}
