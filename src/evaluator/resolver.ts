import { EvaluationError } from './errors.ts';
import type { Model } from './model.ts';
import type { Relation, Rewrite } from './relation.ts';
import {
  allowedHere,
  cycleAt,
  deniedHere,
  failed,
  MAX_DEPTH,
  oneHopAway,
  type Resolution,
  settled,
  tooDeep,
  Union,
} from './resolution.ts';
import type { Subject } from './subject.ts';
import type { TupleReader } from './tuple-reader.ts';
import type { Entry } from './tuple-source.ts';

/** Questions that one check may ask anew; only cycles through `but not` can come near. */
const MAX_QUESTIONS = 1_000_000;

/** What is known about one `object#relation`. */
type Memo = {
  /** Where on the path it is being asked; -1 when it is not. */
  position: number;
  resolution: Resolution | undefined;
  /** A failure holds at this depth and below; nearer the root there may be hops enough. */
  depth: number;
};

/**
 * Answers checks for one user, as OpenFGA's Check does: depth first, a question that is already being
 * asked on the path is a cycle and denied, failures only count where nothing else decides.
 *
 * What is found is used again only where the path cannot have shaped it. Without `but not` a relation's
 * answer is a least fixed point: allowed is allowed whatever was assumed, and denied is final once
 * everything assumed denied has turned out to be. With `but not` only answers that met no cycle leading
 * to themselves or above are kept.
 */
export class Resolver {
  readonly #model: Model;
  readonly #reader: TupleReader;
  readonly #user: Subject;
  readonly #reachable: readonly boolean[];
  /** By relation, the users whose own tuple would do. */
  readonly #directUsers: readonly DirectUsers[];
  readonly #memos: readonly Map<string, Memo>[];
  /** Memos whose answer assumes that something still on the path is denied. */
  readonly #tentative: Memo[] = [];
  #pathLength = 0;
  #questions = 0;

  constructor(model: Model, reader: TupleReader, user: Subject) {
    this.#model = model;
    this.#reader = reader;
    this.#user = user;
    this.#reachable = model.relations.map(
      ({ reachableFrom }) =>
        reachableFrom.has(user.relation === undefined ? user.type : user.label) ||
        (user.relation === undefined && reachableFrom.has(`${user.type}:*`)),
    );
    this.#directUsers = model.relations.map((relation) => directUsers(relation, user));
    this.#memos = model.relations.map(() => new Map<string, Memo>());
  }

  resolve(relation: Relation, object: string): Resolution {
    this.#questions = 0;
    return this.#ask(relation, object, 0);
  }

  #ask(relation: Relation, object: string, depth: number): Resolution {
    if (depth >= MAX_DEPTH) return tooDeep;
    const memos = this.#memos[relation.index];
    const memo = memos?.get(object);
    if (memo) {
      if (memo.position >= 0) return cycleAt(memo.position);
      if (isGoodAt(memo, depth)) return memo.resolution;
    }
    if (this.#user.relation === relation.name && this.#user.object === object) return allowedHere;
    if (!this.#reachable[relation.index]) return deniedHere;
    if (++this.#questions > MAX_QUESTIONS) return tooDeep;

    const asked = memo ?? { position: -1, resolution: undefined, depth };
    if (!memo) memos?.set(object, asked);
    const position = this.#pathLength++;
    const tentativeBefore = this.#tentative.length;
    asked.position = position;
    const resolution = this.#rewrite(relation, object, relation.rewrite, depth);
    asked.position = -1;
    this.#pathLength -= 1;
    return relation.mayExclude
      ? this.#keepIfIndependent(asked, resolution, position, depth)
      : this.#keepMonotone(asked, resolution, position, depth, tentativeBefore);
  }

  /** For relations that a `but not` has a part in. */
  #keepIfIndependent(memo: Memo, resolution: Resolution, position: number, depth: number): Resolution {
    if (resolution.low < position) return resolution;
    if (resolution.low === position) return settled(resolution);
    memo.resolution = settled(resolution);
    memo.depth = depth;
    return memo.resolution;
  }

  /** For relations that no `but not` has a part in. */
  #keepMonotone(memo: Memo, found: Resolution, position: number, depth: number, before: number): Resolution {
    const isFinal = found.kind === 'allowed' || found.low >= position;
    const resolution = isFinal ? settled(found) : found;
    memo.resolution = resolution;
    memo.depth = depth;
    if (!isFinal) {
      this.#tentative.push(memo);
      return resolution;
    }
    // Those below it assumed it denied. If it is, so are they; if not, they have to be asked again.
    for (const below of this.#tentative.splice(before)) {
      const holds = resolution.kind === 'denied' && below.resolution?.kind === 'denied';
      below.resolution = holds ? { ...resolution, cycle: true } : undefined;
    }
    return resolution;
  }

  #rewrite(relation: Relation, object: string, rewrite: Rewrite, depth: number): Resolution {
    switch (rewrite.kind) {
      case 'direct':
        return this.#direct(relation, object, depth);
      case 'computed':
        return this.#ask(rewrite.relation, object, depth);
      case 'from':
        return this.#from(rewrite.tupleset, rewrite.targets, object, depth);
      case 'union': {
        const union = new Union();
        for (const child of rewrite.children) {
          const operand = this.#rewrite(relation, object, child, depth);
          if (union.add(operand)) return operand;
        }
        return union.resolution;
      }
      case 'intersection':
        return this.#intersection(relation, object, rewrite.children, depth);
      default:
        return this.#exclusion(this.#rewrite(relation, object, rewrite.base, depth), () =>
          this.#rewrite(relation, object, rewrite.subtract, depth),
        );
    }
  }

  #direct(relation: Relation, object: string, depth: number): Resolution {
    const entries = this.#reader.entries(object, relation);
    if (!entries) return deniedHere;
    const union = new Union();
    const { self, everybody } = this.#directUsers[relation.index] ?? {};
    const own = self === undefined ? undefined : entries.find(self);
    if (own && this.#isAnyMet(relation, [own], union)) return allowedHere;
    // OpenFGA looks the user's own tuple up, but reads those for everybody.
    const shared = everybody === undefined ? [] : entries.findAll(everybody);
    if (this.#isAnyMet(relation, shared, union)) return allowedHere;
    if (relation.usersetRestrictions.length === 0) return union.resolution;
    return this.#anyOf(union, relation, entries.usersets, depth, ({ type, relation: name }) =>
      this.#model.types.get(type)?.get(name ?? ''),
    );
  }

  #isAnyMet(relation: Relation, entries: readonly Entry[], union: Union): boolean {
    for (const entry of entries) {
      try {
        if (this.#reader.isMet(relation, entry)) return true;
      } catch (error) {
        union.add(failed(asEvaluationError(error)));
      }
    }
    return false;
  }

  #from(
    tupleset: Relation,
    targets: ReadonlyMap<string, Relation>,
    object: string,
    depth: number,
  ): Resolution {
    const entries = this.#reader.entries(object, tupleset);
    if (!entries) return deniedHere;
    return this.#anyOf(new Union(), tupleset, entries.all, depth, ({ type }) => targets.get(type));
  }

  /** Asks what the tuples lead to, one hop on. */
  #anyOf(
    union: Union,
    relation: Relation,
    entries: Iterable<Entry>,
    depth: number,
    targetOf: (subject: Subject) => Relation | undefined,
  ): Resolution {
    let isAnyMet = false;
    let failure: EvaluationError | undefined;
    for (const entry of entries) {
      try {
        if (!this.#reader.isMet(relation, entry)) continue;
      } catch (error) {
        failure ??= asEvaluationError(error);
        continue;
      }
      isAnyMet = true;
      const target = targetOf(entry.subject);
      if (!target) continue;
      const operand = oneHopAway(this.#ask(target, entry.subject.object, depth + 1));
      if (union.add(operand)) return operand;
    }
    // OpenFGA forgets that a condition failed where another tuple of the same read is met.
    if (failure && !isAnyMet) union.add(failed(failure));
    return union.resolution;
  }

  #intersection(relation: Relation, object: string, children: readonly Rewrite[], depth: number): Resolution {
    let height = 0;
    let low = Number.POSITIVE_INFINITY;
    let failure: Resolution | undefined;
    for (const child of children) {
      const operand = this.#rewrite(relation, object, child, depth);
      if (operand.kind === 'denied') return operand;
      if (operand.kind === 'failed') failure ??= operand;
      height = Math.max(height, operand.height);
      low = Math.min(low, operand.low);
    }
    return failure ? { ...failure, low } : { kind: 'allowed', cycle: false, height, low };
  }

  #exclusion(base: Resolution, subtract: () => Resolution): Resolution {
    if (base.kind === 'denied') return base;
    const subtracted = subtract();
    if (subtracted.kind === 'allowed' || subtracted.cycle) return { ...subtracted, kind: 'denied' };
    const low = Math.min(base.low, subtracted.low);
    if (base.kind === 'failed') return { ...base, low };
    if (subtracted.kind === 'failed') return { ...subtracted, low };
    return { kind: 'allowed', cycle: false, height: Math.max(base.height, subtracted.height), low };
  }
}

type DirectUsers = { readonly self: string | undefined; readonly everybody: string | undefined };

function directUsers({ restrictions }: Relation, user: Subject): DirectUsers {
  const { type, relation, text } = user;
  const isAllowed = restrictions.some((r) => r.type === type && r.relation === relation && !r.wildcard);
  const isPublic = relation === undefined && restrictions.some((r) => r.type === type && r.wildcard);
  return { self: isAllowed ? text : undefined, everybody: isPublic ? `${type}:*` : undefined };
}

function isGoodAt(memo: Memo, depth: number): memo is Memo & { resolution: Resolution } {
  const { resolution } = memo;
  if (!resolution) return false;
  return resolution.kind === 'failed' ? depth >= memo.depth : depth + resolution.height < MAX_DEPTH;
}

function asEvaluationError(error: unknown): EvaluationError {
  if (error instanceof EvaluationError) return error;
  throw error;
}
