import { EvaluationError } from './errors.ts';

/** OpenFGA's OPENFGA_RESOLVE_NODE_LIMIT by default: hops over tuples, computed relations not counted. */
export const MAX_DEPTH = 25;

/**
 * What became of one `object#relation` for the user. Beside the answer it says how far that answer can be
 * used again:
 * - `height`: the hops that it took, so that it is not given where fewer are left;
 * - `low`: the position on the path of the highest question that it assumed to be denied, because it is
 *   asked there already (a cycle); Infinity where it assumed nothing.
 */
export type Resolution = {
  readonly kind: 'allowed' | 'denied' | 'failed';
  readonly error?: EvaluationError;
  /** Denied, and a cycle was met; under `but not` and `and` OpenFGA denies for it. */
  readonly cycle: boolean;
  readonly height: number;
  readonly low: number;
};

const NOTHING = Number.POSITIVE_INFINITY;

export const tooDeep: Resolution = failed(
  new EvaluationError('resolution_too_complex', 'the resolution takes more hops than are allowed, or loops'),
);

export function failed(error: EvaluationError): Resolution {
  return { kind: 'failed', error, cycle: false, height: 0, low: NOTHING };
}

export function cycleAt(position: number): Resolution {
  return { kind: 'denied', cycle: true, height: 0, low: position };
}

function byHeight(kind: 'allowed' | 'denied'): readonly Resolution[] {
  return Array.from({ length: MAX_DEPTH + 1 }, (_, height) => ({ kind, cycle: false, height, low: NOTHING }));
}

/** The answers without a cycle, which nearly all are, made once. */
const plain = { allowed: byHeight('allowed'), denied: byHeight('denied') };

export const allowedHere: Resolution = { kind: 'allowed', cycle: false, height: 0, low: NOTHING };
export const deniedHere: Resolution = { kind: 'denied', cycle: false, height: 0, low: NOTHING };

/** The same, one hop further away. */
export function oneHopAway(resolution: Resolution): Resolution {
  const { kind, cycle, low } = resolution;
  if (kind === 'failed') return resolution;
  const height = resolution.height + 1;
  if (low === NOTHING && !cycle) return plain[kind][height] ?? resolution;
  return { kind, cycle, height, low };
}

/** The same without what it assumed, which has turned out to be so. */
export function settled(resolution: Resolution): Resolution {
  return resolution.low === NOTHING ? resolution : { ...resolution, low: NOTHING };
}

/** Collects the operands of a union: the first allowed one decides, else a failure, else denied. */
export class Union {
  #denied: Resolution = deniedHere;
  #failure: Resolution | undefined;

  /** Returns whether the operand decides. */
  add(operand: Resolution): boolean {
    if (operand.kind === 'allowed') return true;
    if (operand.kind === 'failed') this.#failure ??= operand;
    this.#denied = joined(this.#denied, operand);
    return false;
  }

  get resolution(): Resolution {
    return this.#failure ? { ...this.#failure, low: this.#denied.low } : this.#denied;
  }
}

/** Denied, as far as the height, the cycles and the assumptions of both tell. */
function joined(a: Resolution, b: Resolution): Resolution {
  if (isPlainDenial(b) && b.height <= a.height) return a;
  if (isPlainDenial(a) && b.kind === 'denied' && a.height <= b.height) return b;
  return {
    kind: 'denied',
    cycle: a.cycle || b.cycle,
    height: Math.max(a.height, b.height),
    low: Math.min(a.low, b.low),
  };
}

function isPlainDenial({ kind, cycle, low }: Resolution): boolean {
  return kind === 'denied' && !cycle && low === NOTHING;
}
