import { PassThrough } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { SessionStreams } from '../../../retrieve/session-streams.ts';
import type { Sink } from '../../../retrieve/stream.ts';
import type { SessionEvent } from '../../../types/session.ts';
import { presentedBy } from '../presented.ts';
import { problem } from '../problem.ts';

/** Bytes that wait for a listener who does not read. */
const MAX_UNREAD = 256 * 1024;

/** In no gate: a stream is no request under way. How many there may be is the streams' own limit. */
export function sessionEventRoutes(app: FastifyInstance, streams: SessionStreams): void {
  const open = new Set<PassThrough>();
  app.get<{ Params: { id: string } }>(
    '/v1/sessions/:id/events',
    {
      // One that is asked for its head alone would stay open, with nobody to close it.
      exposeHeadRoute: false,
      schema: {
        summary: 'Says unasked what of a conversation must be dropped, as server-sent events',
        produces: ['text/event-stream'],
        response: { 200: z.string(), '4xx': problem, '5xx': problem },
      },
    },
    async (request, reply) => {
      const stream = new PassThrough();
      const leave = await streams.open(presentedBy(request), request.params.id, sinkOf(stream));
      open.add(stream);
      stream.once('close', () => {
        leave();
        open.delete(stream);
      });
      // The head goes out at once: there may be nothing to say for long.
      stream.write(': open\n\n');
      return reply
        .type('text/event-stream')
        .header('cache-control', 'no-store')
        .header('x-accel-buffering', 'no')
        .send(stream);
    },
  );
  // Else the end of the service would wait for every listener to leave.
  app.addHook('preClose', async () => {
    for (const stream of open) stream.end();
  });
}

function sinkOf(stream: PassThrough): Sink {
  const write = (text: string) => {
    if (stream.writableEnded || stream.destroyed) return;
    if (stream.writableLength + stream.readableLength > MAX_UNREAD) stream.destroy();
    else stream.write(text);
  };
  return {
    send: ({ event, ...data }: SessionEvent) => write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    beat: () => write(':\n\n'),
    end: () => void stream.end(),
  };
}
