import { Gauge } from 'prom-client';
import type { Documents } from '../ports/documents.ts';
import type { Meter } from './meter.ts';

/** What is looked up when the metrics are asked for. */
export type Sources = {
  readonly pending: Documents['pending'];
  readonly connections: () => { readonly open: number; readonly idle: number; readonly waiting: number };
  /** Requests under way, by the gate that let them in. */
  readonly inFlight: () => Readonly<Record<string, number>>;
  /** Tenants that are closed until `clearance reconcile`. */
  readonly closedTenants: () => number;
};

/** Prometheus gives up after 10 s by default. */
const DEADLINE_MS = 2_000;

/** The metrics as text, never later than the deadline: of a store that does not answer they say just that. */
export function scraper(
  { registry }: Meter,
  sources: Sources,
  deadlineMs = DEADLINE_MS,
): () => Promise<string> {
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const up = gauge('clearance_store_up', 'Whether the store answered this scrape in time');
  const depth = gauge(
    'clearance_outbox_steps',
    'Steps that wait in the outbox, of all copies of the service',
  );
  const age = gauge('clearance_outbox_oldest_seconds', 'Age of the oldest of them; 0 where none waits');
  const connections = new Gauge({
    name: 'clearance_store_connections',
    help: 'Connections of the pool, by what they do',
    labelNames: ['state'] as const,
    registers,
  });
  const waiting = gauge('clearance_store_waiting', 'Callers who wait for a connection of the pool');
  const inFlight = new Gauge({
    name: 'clearance_requests_in_flight',
    help: 'Requests under way; at the limit, further ones are shed',
    labelNames: ['gate'] as const,
    registers,
  });

  const closed = gauge('clearance_tenants_closed', 'Tenants closed until "clearance reconcile"');

  // One query at a time, however often a dead store is asked about.
  let asking: ReturnType<Sources['pending']> | undefined;
  const ask = () => {
    asking ??= sources.pending().finally(() => {
      asking = undefined;
    });
    return asking;
  };

  return async () => {
    const { open, idle, waiting: callers } = sources.connections();
    connections.set({ state: 'idle' }, idle);
    connections.set({ state: 'busy' }, open - idle);
    waiting.set(callers);
    closed.set(sources.closedTenants());
    for (const [gate, requests] of Object.entries(sources.inFlight())) inFlight.set({ gate }, requests);

    const pending = await within(deadlineMs, ask);
    up.set(pending === undefined ? 0 : 1);
    if (pending === undefined) {
      depth.remove();
      age.remove();
    } else {
      depth.set(pending.steps);
      age.set(pending.oldestSeconds);
    }
    return registry.metrics();
  };
}

async function within<T>(deadlineMs: number, work: () => Promise<T>): Promise<T | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), deadlineMs);
  try {
    return await Promise.race([work(), late]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
