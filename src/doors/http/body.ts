import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { ClearanceError } from '../../types/errors.ts';

/** Bytes of a document, or of relationships. */
export const WRITE_LIMIT = 10 * 1024 * 1024;
/** For a whole body to come, from whomever: it is read before its token is verified. */
const BODY_MS = 30_000;
/** For the next part of an import, which may last for as long as its sender has something to send. */
const IDLE_MS = 60_000;

/** JSON bodies whose bytes are valid UTF-8, and nothing else. */
export function addJsonParser(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (!Buffer.isBuffer(body) || !isUtf8(body)) {
      done(new ClearanceError('invalid_request', 'The body is not valid UTF-8.'));
      return;
    }
    void parseJson(request, body.toString('utf8'), (error, value) => {
      if (error === null) done(null, value);
      else done(new ClearanceError('invalid_request', 'The body is not valid JSON.'));
    });
  });
}

/** Cuts off whoever takes too long to send a body. Node's own limit is for all routes alike, and an import is a body that lasts. */
export function endSlowBodies(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    const { raw } = request;
    const timer = setTimeout(() => {
      // A request is complete without a body, or once all of it is there, however long its answer takes.
      if (raw.complete) return;
      // What a route reads as it comes is the route's to end, until it has answered.
      if (request.body instanceof Readable && !reply.raw.writableFinished) return;
      raw.socket.destroy();
    }, BODY_MS);
    raw.once('close', () => clearTimeout(timer));
  });
}

/** NDJSON as the raw stream, in the routes of this scope. */
export function addNdjsonParser(scope: FastifyInstance): void {
  scope.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload));
}

/** A body as it comes, until nothing comes any more. It is left open then: what there is to answer can still be said. */
export async function* notIdle(body: Readable): AsyncGenerator<Buffer> {
  const parts: AsyncIterator<Buffer> = body[Symbol.asyncIterator]();
  for (;;) {
    const next = await orIdle(parts.next());
    if (next.done === true) return;
    yield next.value;
  }
}

async function orIdle<T>(coming: Promise<T>): Promise<T> {
  const { promise: idle, reject } = Promise.withResolvers<never>();
  const why = new ClearanceError('invalid_request', `Nothing came for ${IDLE_MS / 1_000} s.`);
  const timer = setTimeout(() => reject(why), IDLE_MS);
  try {
    return await Promise.race([coming, idle]);
  } finally {
    clearTimeout(timer);
  }
}
