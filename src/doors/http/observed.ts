import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Meter } from '../../metrics/meter.ts';

/** Counts and times every answer, by the template of its route. */
export function observe(app: FastifyInstance, meter: Meter): void {
  app.addHook('onRequest', async (request, reply) => {
    const started = performance.now();
    reply.raw.once('close', () => {
      const status = reply.raw.writableFinished ? reply.raw.statusCode : 'aborted';
      meter.answered(routeOf(request), status, (performance.now() - started) / 1_000);
    });
  });
}

/** Never a path: that may hold the id of a document. */
export function routeOf({ method, routeOptions }: FastifyRequest): string {
  return routeOptions?.url === undefined ? 'unmatched' : `${method} ${routeOptions.url}`;
}
