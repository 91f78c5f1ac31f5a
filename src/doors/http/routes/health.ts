import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { problem } from '../problem.ts';

export type Readiness = () => Promise<{ readonly pendingSteps: number; readonly oldestSeconds: number }>;

export function healthRoutes(app: FastifyInstance, ready: Readiness): void {
  app.get(
    '/healthz',
    {
      schema: {
        summary: 'The process is there',
        security: [],
        response: { 200: z.object({ status: z.literal('ok') }) },
      },
    },
    () => ({ status: 'ok' }),
  );
  app.get(
    '/readyz',
    {
      schema: {
        summary: 'The service can answer, and how much the outbox still holds',
        security: [],
        response: {
          200: z.object({ status: z.literal('ready'), pending_steps: z.int(), oldest_seconds: z.number() }),
          503: problem,
        },
      },
    },
    async () => {
      const { pendingSteps, oldestSeconds } = await ready();
      return { status: 'ready', pending_steps: pendingSteps, oldest_seconds: oldestSeconds };
    },
  );
}
