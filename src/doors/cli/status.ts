import type { Config } from '../../config.ts';
import { statusOf } from '../../operations.ts';

export async function status(config: Config): Promise<void> {
  const { pending, engines } = await statusOf(config);
  const { steps, oldestSeconds } = pending;
  const age = steps === 0 ? '' : `, the oldest ${Math.round(oldestSeconds)} s old`;
  console.log(`Outbox: ${steps} ${steps === 1 ? 'step' : 'steps'} pending${age}.`);
  for (const { tenant, storeId, modelId, last, generation, closed } of engines) {
    console.log(`Tenant ${tenant}: OpenFGA store ${storeId}, model ${modelId}, generation ${generation}.`);
    console.log(`  The last change seen: ${last === undefined ? 'none' : last.at}.`);
    console.log(closed === undefined ? '  Open.' : `  CLOSED: ${closed}. Run "clearance reconcile".`);
  }
  if (engines.some(({ closed }) => closed !== undefined)) process.exitCode = 1;
}
