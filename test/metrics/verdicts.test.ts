import { expect, it } from 'vitest';
import { measuredEngine } from '../../src/metrics/measured-engine.ts';
import { openMeter } from '../../src/metrics/meter.ts';
import type { Engine } from '../../src/ports/engine.ts';
import { engineOf, spoiled } from '../support/engines.ts';

const allowsOne = engineOf((check) => check.object === 'document:one');

async function counted(engine: Engine, deadline = AbortSignal.timeout(5_000)) {
  const meter = openMeter();
  const checks = ['one', 'two', 'three'].map((id) => ({
    correlationId: id,
    user: 'user:anne',
    relation: 'can_read',
    object: `document:${id}`,
  }));
  const asked = measuredEngine(engine, meter).batchCheck({ tenant: 'default', checks, signal: deadline });
  // An engine that ignores its deadline has been left by then, as enforcement leaves it.
  await Promise.race([asked.catch(() => {}), aborted(deadline)]);
  const [verdicts] = (await meter.registry.getMetricsAsJSON()).filter(
    ({ name }) => name === 'clearance_verdicts_total',
  );
  return Object.fromEntries((verdicts?.values ?? []).map(({ labels, value }) => [labels['verdict'], value]));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

const rows: [name: string, engine: Engine, allowed: number, denied: number, undetermined: number][] = [
  ['whole', allowsOne, 1, 2, 0],
  ['with one missing', spoiled(allowsOne, (results) => results.slice(1)), 0, 2, 1],
  ['with one twice', spoiled(allowsOne, (results) => [...results, ...results.slice(0, 1)]), 0, 2, 1],
  [
    'with an error on each',
    spoiled(allowsOne, (results) => results.map((result) => ({ ...result, error: 'deadline_exceeded' }))),
    0,
    0,
    3,
  ],
  ['that failed as a whole', spoiled(allowsOne, () => Promise.reject(new Error('reset'))), 0, 0, 3],
];

it.each(rows)(
  'an answer %s is counted as enforcement takes it',
  async (_, engine, allowed, denied, undetermined) => {
    expect(await counted(engine)).toEqual({ allowed, denied, undetermined });
  },
);

it('an answer that never comes is counted at the deadline', async () => {
  const silent: Engine = { batchCheck: () => new Promise(() => {}) };
  const none = { allowed: 0, denied: 0, undetermined: 3 };
  expect(await counted(silent, AbortSignal.timeout(20))).toEqual(none);
  expect(await counted(silent, AbortSignal.abort())).toEqual(none);
});
