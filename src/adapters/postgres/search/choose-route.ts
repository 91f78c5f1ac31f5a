/** Of a store on a machine. Costs are in microseconds. */
export type Tuning = {
  /** A chunk looked up by its document, and scored. */
  readonly listed: number;
  /** A chunk that a scan passes over. */
  readonly scanned: number;
  /** A chunk that a scan scores. */
  readonly scored: number;
  /** A chunk that the vector index brings. */
  readonly visited: number;
  /**
   * The vector index overlooks some, most towards the end of its list: so a list counts as complete up to a rank only if it has
   * so many chunks, and so many more for each rank.
   */
  readonly least: number;
  readonly forEachRank: number;
};

/** Dimensions of the words of `npm run bench:search`, and what a chunk has beside its vector, in bytes. */
const MEASURED_ON = 100;
const BESIDE = 150;

/** As measured on those words, in the page cache, on two cores: a scan reads every byte of the table. */
export function usualTuning(dimension: number): Tuning {
  const wider = (4 * dimension + BESIDE) / (4 * MEASURED_ON + BESIDE);
  return {
    listed: 4.8,
    scanned: 0.16 * wider,
    scored: (0.13 * dimension) / MEASURED_ON,
    visited: 60,
    least: 230,
    forEachRank: 3.5,
  };
}

export type Extent = {
  /** Chunks that may be found. */
  readonly rows: number;
  /** Whether they can be looked up one by one: the documents are known. */
  readonly listable: boolean;
  /** Chunks in the table, of all tenants: they share one vector index. */
  readonly total: number;
  /** Whether there is a vector index. */
  readonly indexed: boolean;
};

/** Chunks that the vector index brings before it is told whether those that may be found are among them. */
export const FIRST_LOOK = 100;
/** A list of so few chunks is looked for at once: a first look that saves it costs nearly as much. */
export const SHORT_LIST = 4 * FIRST_LOOK;
/** Exact search costs at least so many times a look in vain. */
export const WORTH_A_LOOK = 5;
/** Documents of a usual question. */
const USUAL = 10;

export type ExactRoute = 'listed' | 'scan';

/** The cheapest that answers a usual question. */
export function chooseRoute(extent: Extent, tuning: Tuning): ExactRoute | 'approximate' {
  const { rows, indexed } = extent;
  if (!indexed || rows <= USUAL) return chooseExactRoute(extent, tuning);
  const length = expectedLength(extent, USUAL, tuning);
  const worth = length > SHORT_LIST ? Math.max(length, WORTH_A_LOOK * FIRST_LOOK) : length;
  return worth <= affordableLength(extent, tuning) ? 'approximate' : chooseExactRoute(extent, tuning);
}

/** Chunks of the list that settles so many, if what may be found lies no nearer and no further than the rest. */
export function expectedLength({ rows, total }: Extent, count: number, tuning: Lists): number {
  const share = Math.min(1, rows / total);
  // The rank of the last of them, and how far chance puts it off.
  const rank = (count + Math.sqrt(count * (1 - share))) / share;
  // What is settled lies above the last that is complete.
  return lengthFor(rank + 1, tuning);
}

/** Both are exact and their own proof: so the cheaper one. */
export function chooseExactRoute({ rows, listable, total }: Extent, tuning: Tuning): ExactRoute {
  return listable && listedCost(rows, tuning) <= scanCost(rows, total, tuning) ? 'listed' : 'scan';
}

type Lists = Pick<Tuning, 'least' | 'forEachRank'>;

/** Chunks of a list that is complete up to a rank. */
export function lengthFor(rank: number, { least, forEachRank }: Lists): number {
  return Math.ceil(least + forEachRank * rank);
}

/** The rank up to which a list is complete; 0 where it is too short for any. */
export function completeRank(length: number, { least, forEachRank }: Lists): number {
  return Math.max(0, Math.floor((length - least) / forEachRank));
}

/** Chunks that the vector index brings in the time of the cheaper exact route. */
export function affordableLength(extent: Extent, tuning: Tuning): number {
  const { rows, total } = extent;
  const exact =
    chooseExactRoute(extent, tuning) === 'listed' ? listedCost(rows, tuning) : scanCost(rows, total, tuning);
  return Math.floor(exact / tuning.visited);
}

function listedCost(rows: number, { listed }: Tuning): number {
  return rows * listed;
}

function scanCost(rows: number, total: number, { scanned, scored }: Tuning): number {
  return Math.max(total, rows) * scanned + rows * scored;
}
