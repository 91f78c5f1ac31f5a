import { Counter, Histogram, Registry } from 'prom-client';
import type { Repaired } from '../ports/ledger.ts';
import { type Watched, watchOutcomes } from '../retrieve/watch-proofs.ts';
import type { ErrorCode } from '../types/errors.ts';
import type { Verdict } from '../types/verdict.ts';
import { type Stage, stageOf, stagesOf } from './stage.ts';

export const steps = [
  'authenticate',
  'session',
  'search_open',
  'search_next',
  'search_passages',
  'checks',
  'list_objects',
  'audit',
  'release_read',
  'hand_over',
  'embeddings',
  'relationships_read',
  'relationships_write',
  'stage',
  'publish',
] as const;
export type Step = (typeof steps)[number];

/** Seconds: from the quickest look-up to the deadline of a whole request. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20];

/**
 * What one copy of the service counts. Whoever may read the metrics is not one who may read documents, so every label
 * is from a list that is fixed in the code: no person, tenant, document, query or path.
 */
export type Meter = {
  readonly registry: Registry;
  /** Times the work and counts how it ended. */
  readonly timed: <T>(step: Step, work: () => Promise<T>) => Promise<T>;
  verdicts(kind: Verdict['kind'], count: number): void;
  withheld(passages: number): void;
  /** `route` is a template. `aborted`: the caller was gone before the answer was out. */
  answered(route: string, status: number | 'aborted', seconds: number): void;
  refused(code: ErrorCode, route: string): void;
  repaired(repaired: Repaired): void;
  /** Of claims that were allowed by their proofs, and asked again whole. */
  watched(outcome: Watched, count: number): void;
};

export function openMeter(): Meter {
  const registry = new Registry();
  const registers = [registry];
  const stepSeconds = new Histogram({
    name: 'clearance_step_duration_seconds',
    help: 'Time that each step of the read and write paths took, and how it ended',
    labelNames: ['step', 'outcome'] as const,
    buckets: BUCKETS,
    registers,
  });
  const verdictCount = new Counter({
    name: 'clearance_verdicts_total',
    help: 'Verdicts of the authorization engine; one that is asked again counts again',
    labelNames: ['verdict'] as const,
    registers,
  });
  const withheldCount = new Counter({
    name: 'clearance_passages_withheld_total',
    help: 'Passages that were allowed, and left out because their version was replaced or withdrawn meanwhile',
    registers,
  });
  const refusals = new Counter({
    name: 'clearance_refusals_total',
    help: 'Requests that were refused or failed, by the stage and the error code',
    labelNames: ['stage', 'code'] as const,
    registers,
  });
  const repairs = new Counter({
    name: 'clearance_index_repairs_total',
    help: "Relationships put right in the permission index's copy: OpenFGA's log of changes had not told of them",
    labelNames: ['change'] as const,
    registers,
  });
  const watchedProofs = new Counter({
    name: 'clearance_proofs_watched_total',
    help: 'Claims that were allowed by their proofs and asked again whole; "differed" must stay 0',
    labelNames: ['outcome'] as const,
    registers,
  });
  const requests = new Counter({
    name: 'clearance_http_requests_total',
    help: 'HTTP requests by route and status; aborted: the caller left first',
    labelNames: ['route', 'status'] as const,
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'clearance_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer',
    labelNames: ['route'] as const,
    buckets: BUCKETS,
    registers,
  });

  // A series that is there from the start can be alerted on before its first event.
  for (const step of steps) stepSeconds.zero({ step, outcome: 'done' });
  for (const verdict of ['allowed', 'denied', 'undetermined']) verdictCount.inc({ verdict }, 0);
  for (const outcome of watchOutcomes) watchedProofs.inc({ outcome }, 0);
  for (const change of ['written', 'deleted']) repairs.inc({ change }, 0);
  for (const [code, among] of Object.entries<readonly Stage[]>(stagesOf)) {
    for (const stage of among) refusals.inc({ stage, code }, 0);
  }

  return {
    registry,
    async timed(step, work) {
      const started = performance.now();
      let outcome = 'failed';
      try {
        const result = await work();
        outcome = 'done';
        return result;
      } finally {
        stepSeconds.observe({ step, outcome }, (performance.now() - started) / 1_000);
      }
    },
    verdicts: (verdict, count) => verdictCount.inc({ verdict }, count),
    withheld: (passages) => withheldCount.inc(passages),
    answered(route, status, seconds) {
      requests.inc({ route, status: String(status) });
      requestSeconds.observe({ route }, seconds);
    },
    refused: (code, route) => refusals.inc({ stage: stageOf(code, route), code }),
    repaired({ written, deleted }) {
      repairs.inc({ change: 'written' }, written);
      repairs.inc({ change: 'deleted' }, deleted);
    },
    watched: (outcome, count) => watchedProofs.inc({ outcome }, count),
  };
}
