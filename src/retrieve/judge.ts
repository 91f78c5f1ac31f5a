import { contextNow, type Engine } from '../ports/engine.ts';
import type { Proofs } from '../ports/proofs.ts';
import { orAborted } from '../types/or-aborted.ts';
import type { TupleKey } from '../types/tuple.ts';
import { allowedBy, undetermined, type Verdict } from '../types/verdict.ts';
import type { Costs, Method } from './costs.ts';
import { type ProofPlan, planProofs, provenVerdicts } from './proven.ts';
import { Verdicts, withDeadline } from './verdicts.ts';

/** What spares the engine the whole claims. */
export type ShortCuts = { readonly proofs: Proofs; readonly costs: Costs };

/**
 * The verdicts on a request's claims, all of them the engine's: on what proves a claim, on its list of what someone may read, or
 * on the claim itself, as costs least. Whatever is not a yes is asked whole.
 */
export class Judge {
  readonly #engine: Engine;
  readonly #shortCuts: ShortCuts | undefined;
  readonly #tenant: string;
  readonly #signal: AbortSignal;
  readonly #whole: Verdicts;

  constructor(engine: Engine, shortCuts: ShortCuts | undefined, tenant: string, signal: AbortSignal) {
    this.#engine = engine;
    this.#shortCuts = shortCuts;
    this.#tenant = tenant;
    this.#signal = signal;
    this.#whole = new Verdicts(engine, tenant, signal, (checks, ms) =>
      shortCuts?.costs.took('checks', checks, ms),
    );
  }

  /** In the order of the claims, some at a time; the next are asked once these have been taken. */
  async *on(claims: readonly TupleKey[]): AsyncGenerator<readonly Verdict[]> {
    const verdicts = this.#shortCuts
      ? await this.#byShortCut(this.#shortCuts, claims)
      : claims.map(() => undefined);
    const open = [...claims.keys()].filter((i) => verdicts[i] === undefined);
    const told = (from: number, to: number) =>
      verdicts.slice(from, to).map((verdict) => verdict ?? undetermined('not asked'));
    let [at, answered] = [0, 0];
    for await (const some of this.#whole.on(open.flatMap((i) => claims[i] ?? []))) {
      for (const verdict of some) {
        const i = open[answered];
        if (i !== undefined) verdicts[i] = verdict;
        answered += 1;
      }
      const until = open[answered] ?? claims.length;
      yield told(at, until);
      at = until;
    }
    if (at < claims.length) yield told(at, claims.length);
  }

  async #byShortCut(
    { proofs, costs }: ShortCuts,
    claims: readonly TupleKey[],
  ): Promise<(Verdict | undefined)[]> {
    const plan = planProofs(proofs, this.#tenant, claims);
    const method = this.#cheapest({ proofs, costs }, claims, plan);
    if (method === 'checks') return claims.map(() => undefined);
    const begin = performance.now();
    const verdicts =
      method === 'list'
        ? await this.#listed(claims)
        : await provenVerdicts(plan, this.#engine, this.#tenant, this.#signal, () =>
            proofs.reasons.stale(this.#tenant),
          );
    const amount = method === 'list' ? this.#sizeOf(proofs, claims) : questionsOf(plan);
    const tried =
      method === 'list' ? claims.length : plan.proofs.filter((proof) => proof !== undefined).length;
    const failed = tried - verdicts.filter((verdict) => verdict !== undefined).length;
    const wasted = failed === 0 ? 0 : costs.of('checks', failed);
    costs.took(method, amount ?? 0, performance.now() - begin + wasted);
    return verdicts;
  }

  #cheapest({ proofs, costs }: ShortCuts, claims: readonly TupleKey[], plan: ProofPlan): Method {
    const unproved = plan.proofs.filter((proof) => proof === undefined).length;
    const size = this.#sizeOf(proofs, claims);
    return costs.choose({
      checks: costs.of('checks', claims.length),
      ...(unproved === claims.length
        ? {}
        : {
            links: costs.of('links', questionsOf(plan)) + (unproved === 0 ? 0 : costs.of('checks', unproved)),
          }),
      ...(size === undefined ? {} : { list: costs.of('list', size) }),
    });
  }

  /** Documents that the lists of all who are asked about would hold; undefined where there is none to be had. */
  #sizeOf({ reasons, mayList }: Proofs, claims: readonly TupleKey[]): number | undefined {
    if (!mayList || this.#engine.listObjects === undefined) return undefined;
    let size = 0;
    for (const user of new Set(claims.map((claim) => claim.user))) {
      const known = reasons.size(this.#tenant, user);
      if (known === undefined) return undefined;
      size += known;
    }
    return size;
  }

  /** What is not on the list may be allowed all the same. */
  async #listed(claims: readonly TupleKey[]): Promise<(Verdict | undefined)[]> {
    const signal = withDeadline(this.#signal);
    const lists = new Map<string, Promise<ReadonlySet<string>>>();
    const listOf = ({ user, relation, object }: TupleKey) => {
      const type = object.slice(0, object.indexOf(':'));
      const known = lists.get(user) ?? this.#list({ user, relation, type }, signal);
      lists.set(user, known);
      return known;
    };
    return Promise.all(
      claims.map(async (claim) => ((await listOf(claim)).has(claim.object) ? allowedBy('list') : undefined)),
    );
  }

  async #list(
    question: { readonly user: string; readonly relation: string; readonly type: string },
    signal: AbortSignal,
  ): Promise<ReadonlySet<string>> {
    try {
      const listing = this.#engine.listObjects?.({
        tenant: this.#tenant,
        ...question,
        context: contextNow(),
        signal,
      });
      return new Set(
        await orAborted(listing ?? Promise.resolve([]), signal, () => new Error('no list in time')),
      );
    } catch {
      // Then the claims are asked whole.
      return new Set();
    }
  }
}

function questionsOf({ calls }: ProofPlan): number {
  return calls.reduce((sum, call) => sum + call.size, 0);
}
