/** How verdicts can be had: by what proves the claims, by the claims themselves, or by a list of what someone may read. */
const methods = ['links', 'checks', 'list'] as const;
export type Method = (typeof methods)[number];

/** Milliseconds. Absent where it can't be used. */
export type Estimates = Readonly<Partial<Record<Method, number>>>;

/** How much the past counts after one more call. */
const DECAY = 0.98;
/** As many calls as what is usual counts for at first. */
const USUAL_WEIGHT = 10;
/** The same for how busy the engine is, which changes sooner. */
const LOAD_DECAY = 0.5;
/** Of so many decisions, one goes to what was measured longest ago, so that what is known of it doesn't grow old. */
const TRIED_EVERY = 100;
/** And only if it is expected to cost at most so many times the cheapest. */
const MOST_TIMES = 10;
/**
 * Milliseconds of calls for so many links, claims or listed documents: OpenFGA 1.22.1 on Postgres, `k8s-acl`, two cores
 * (`npm run bench:retrieve`). Soon outweighed by what is measured.
 */
const usual: Readonly<Record<Method, readonly (readonly [amount: number, milliseconds: number])[]>> = {
  links: [
    [1, 3],
    [30, 10],
  ],
  checks: [
    [1, 12],
    [10, 120],
  ],
  list: [
    [1, 5],
    [1_000, 55],
  ],
};

/**
 * What the engine's answers have cost lately, under one model: which way is the cheapest for a request's next claims. How busy the
 * engine is, all calls tell, and it counts for all methods: else one that was used last while many asked would not be used again when
 * few do, for what another costs by then.
 */
export class Costs {
  readonly #lines = new Map(methods.map((method) => [method, new Line(usual[method])]));
  /** Milliseconds that the last calls have taken, and would have if the engine had little to do. */
  #taken = 1;
  #expected = 1;
  /** The longest ago measured first. */
  #byAge: readonly Method[] = methods;
  #decisions = 0;

  /** Milliseconds of a call for so many links, claims or listed documents. */
  of(method: Method, amount: number): number {
    return (this.#taken / this.#expected) * this.#unloaded(method, amount);
  }

  /** The cheapest of those that can be used. */
  choose(estimates: Estimates): Method {
    const cost = (method: Method) => estimates[method] ?? Number.POSITIVE_INFINITY;
    const [cheapest = 'checks'] = methods.toSorted((a, b) => cost(a) - cost(b));
    this.#decisions += 1;
    if (this.#decisions % TRIED_EVERY !== 0) return cheapest;
    return this.#byAge.find((method) => cost(method) <= MOST_TIMES * cost(cheapest)) ?? cheapest;
  }

  /** Of calls that were answered: how long one takes that fails says nothing of the method. */
  took(method: Method, amount: number, milliseconds: number): void {
    if (amount === 0) return;
    this.#taken = LOAD_DECAY * this.#taken + milliseconds;
    this.#expected = LOAD_DECAY * this.#expected + this.#unloaded(method, amount);
    // A mean as the line is: of another kind, the two would drift apart for good.
    this.#lines.get(method)?.add(amount, (milliseconds * this.#expected) / this.#taken);
    this.#byAge = [...this.#byAge.filter((other) => other !== method), method];
  }

  #unloaded(method: Method, amount: number): number {
    return this.#lines.get(method)?.at(amount) ?? 0;
  }
}

/** A line through points, by least squares, of which older ones count less. Neither its start nor its slope is below 0. */
class Line {
  #weight = 0;
  #x = 0;
  #y = 0;
  #xx = 0;
  #xy = 0;

  constructor(points: readonly (readonly [x: number, y: number])[]) {
    for (let i = 0; i < USUAL_WEIGHT; i += 1) for (const [x, y] of points) this.add(x, y);
  }

  add(x: number, y: number): void {
    this.#weight = this.#weight * DECAY + 1;
    this.#x = this.#x * DECAY + x;
    this.#y = this.#y * DECAY + y;
    this.#xx = this.#xx * DECAY + x * x;
    this.#xy = this.#xy * DECAY + x * y;
  }

  at(x: number): number {
    const [meanX, meanY] = [this.#x / this.#weight, this.#y / this.#weight];
    const variance = this.#xx / this.#weight - meanX * meanX;
    const covariance = this.#xy / this.#weight - meanX * meanY;
    // Where all points are alike they tell of no slope.
    const slope = variance > 1e-9 * meanX * meanX ? covariance / variance : meanY / meanX;
    if (slope < 0) return meanY;
    const start = meanY - slope * meanX;
    return start < 0 ? (meanY / meanX) * x : start + slope * x;
  }
}
