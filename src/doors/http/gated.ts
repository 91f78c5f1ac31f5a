import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Gate } from '../../limits/gate.ts';

/**
 * A refusal is held back for about this long. Refused at once, clients who ask again at once keep the process so busy
 * with refusals that those let in are not served; and those refused together don't come back together.
 */
const HOLD_MS = 1_000;

/**
 * Routes behind a gate. A full one refuses at the head of a request, before its body is read or its token verified; a
 * place is taken once the body is there, so who sends slowly holds none, and given back when the work has ended: also
 * where the caller has left by then, for the work goes on without them.
 */
export function gated(
  app: FastifyInstance,
  gate: Gate | undefined,
  routes: (scope: FastifyInstance) => void,
): void {
  void app.register(async (scope) => {
    if (gate !== undefined) addGate(scope, gate);
    routes(scope);
  });
}

function addGate(scope: FastifyInstance, gate: Gate): void {
  const leaving = new WeakMap<FastifyRequest, () => void>();
  scope.addHook('onRequest', () => heldBack(() => gate.check()));
  scope.addHook('preHandler', async (request) => {
    leaving.set(request, await heldBack(() => gate.enter()));
  });
  scope.addHook('onSend', async (request, _reply, payload) => {
    const leave = leaving.get(request);
    if (leave === undefined) return;
    // An import has only begun when its answer does.
    if (payload instanceof Readable && !payload.closed) payload.once('close', leave);
    else leave();
  });
}

async function heldBack<T>(pass: () => T): Promise<T> {
  try {
    return pass();
  } catch (error) {
    await sleep(HOLD_MS * (0.5 + Math.random()));
    throw error;
  }
}
