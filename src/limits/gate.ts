import { ClearanceError } from '../types/errors.ts';

/**
 * Lets a number of requests in at a time and queues nothing: with a queue everyone waits as long as it is, and past
 * capacity it is always full. Without one, a request that is let in waits for at most this many others.
 */
export type Gate = {
  readonly inFlight: number;
  /** Throws `overloaded` where the gate is full. */
  check(): void;
  /** As `check`, and takes a place. What it returns gives the place back; twice is once. */
  enter(): () => void;
};

export function openGate(limit: number): Gate {
  let inFlight = 0;
  const check = () => {
    if (inFlight < limit) return;
    throw new ClearanceError(
      'overloaded',
      'The service is at its limit of requests at a time. Nothing was done; try again.',
    );
  };
  return {
    get inFlight() {
      return inFlight;
    },
    check,
    enter() {
      check();
      inFlight += 1;
      let inside = true;
      return () => {
        if (inside) inFlight -= 1;
        inside = false;
      };
    },
  };
}

/** Each imports four documents at once, for as long as its caller sends. */
const MAX_IMPORTS = 4;

/** Apart, so that neither kind starves another: a pipeline that fills its gate leaves reading alone. */
export type Gates = {
  readonly reads: Gate;
  readonly writes: Gate;
  readonly revocations: Gate;
  readonly imports: Gate;
};

export function openGates(limit: number): Gates {
  return {
    reads: openGate(limit),
    writes: openGate(limit),
    revocations: openGate(limit),
    imports: openGate(MAX_IMPORTS),
  };
}
