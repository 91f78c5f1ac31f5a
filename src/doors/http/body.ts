import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { ClearanceError } from '../../types/errors.ts';

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

/** NDJSON as the raw stream, in the routes of this scope. */
export function addNdjsonParser(scope: FastifyInstance): void {
  scope.addContentTypeParser('application/x-ndjson', (_request, payload, done) => done(null, payload));
}
