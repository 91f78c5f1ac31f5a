import { contextNow, type Engine } from '../ports/engine.ts';
import type { Proofs } from '../ports/proofs.ts';
import { orAborted } from '../types/or-aborted.ts';
import type { TupleKey } from '../types/tuple.ts';
import { allowedBy, undetermined, type Verdict } from '../types/verdict.ts';
import type { Costs, Method } from './costs.ts';
import { type ProofPlan, type Proven, planProofs, provenVerdicts } from './proven.ts';
import { Verdicts, withDeadline } from './verdicts.ts';

/** What spares the engine the whole claims. */
export type ShortCuts = { readonly proofs: Proofs; readonly costs: Costs };

/** Of each tenant: what it costs tells of what it asks. */
export type ShortCutsOf = (tenant: string) => ShortCuts;

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
    const until = open[0] ?? claims.length;
    // Before the first question on a whole claim: who has enough by now asks for none.
    if (until > 0) yield told(0, until);
    at = until;
    for await (const some of this.#whole.on(open.flatMap((i) => claims[i] ?? []))) {
      for (const verdict of some) {
        const i = open[answered];
        if (i !== undefined) verdicts[i] = verdict;
        answered += 1;
      }
      const next = open[answered] ?? claims.length;
      yield told(at, next);
      at = next;
    }
  }

  async #byShortCut(
    { proofs, costs }: ShortCuts,
    claims: readonly TupleKey[],
  ): Promise<(Verdict | undefined)[]> {
    const plan = planProofs(proofs, this.#tenant, claims);
    const method = this.#cheapest({ proofs, costs }, claims, plan);
    if (method === 'checks') return claims.map(() => undefined);
    const begin = performance.now();
    const { verdicts, answered } =
      method === 'list'
        ? await this.#listed(proofs, claims)
        : await provenVerdicts(plan, this.#engine, this.#tenant, this.#signal, () =>
            proofs.reasons.stale(this.#tenant),
          );
    if (!answered) return verdicts;
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
  #sizeOf({ reasons, markOf }: Proofs, claims: readonly TupleKey[]): number | undefined {
    if (this.#engine.listObjects === undefined) return undefined;
    let size = 0;
    for (const user of new Set(claims.map((claim) => claim.user))) {
      const known = reasons.size(this.#tenant, user);
      if (known === undefined || markOf(user) === undefined) return undefined;
      size += known;
    }
    return size;
  }

  /** What is not on the list may be allowed all the same. */
  async #listed(proofs: Proofs, claims: readonly TupleKey[]): Promise<Proven> {
    const signal = withDeadline(this.#signal);
    const byUser = Map.groupBy(claims, ({ user }) => user);
    const lists = new Map(
      await Promise.all(
        [...byUser].map(
          async ([user, [first]]) =>
            [user, first && (await this.#list(first, proofs.markOf(user), signal))] as const,
        ),
      ),
    );
    return {
      verdicts: claims.map(({ user, object }) =>
        lists.get(user)?.has(object) === true ? allowedBy('list') : undefined,
      ),
      answered: [...lists.values()].every((list) => list !== undefined),
    };
  }

  /** Undefined where there is none: then the claims are asked whole. */
  async #list(
    { user, relation, object }: TupleKey,
    mark: string | undefined,
    signal: AbortSignal,
  ): Promise<ReadonlySet<string> | undefined> {
    if (mark === undefined) return undefined;
    const type = object.slice(0, object.indexOf(':'));
    const question = { tenant: this.#tenant, user, relation, type, mark, context: contextNow(), signal };
    try {
      const listing = this.#engine.listObjects?.(question) ?? Promise.resolve(undefined);
      const listed = await orAborted(listing, signal, () => new Error('no list in time'));
      return listed && new Set(listed);
    } catch {
      return undefined;
    }
  }
}

function questionsOf({ calls }: ProofPlan): number {
  return calls.reduce((sum, call) => sum + call.size, 0);
}
