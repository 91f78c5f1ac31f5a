import type { Socket } from 'node:net';
import swagger from '@fastify/swagger';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import type { WritePath } from '../../../ingest/ingest.ts';
import type { Exchange } from '../../delegation/exchange.ts';
import type { Gates } from '../../limits/gate.ts';
import type { Meter } from '../../metrics/meter.ts';
import type { SecurityEvents } from '../../ports/security-events.ts';
import type { Registries } from '../../registry/registries.ts';
import type { ReadPath } from '../../retrieve/retrieve.ts';
import type { SessionStreams } from '../../retrieve/session-streams.ts';
import type { Revoking } from '../../revocation/revoke.ts';
import { ClearanceError } from '../../types/errors.ts';
import { addJsonParser, endSlowBodies } from './body.ts';
import { gated } from './gated.ts';
import { observe, routeOf } from './observed.ts';
import { sendProblem, toProblem } from './problem.ts';
import { agentRoutes } from './routes/agents.ts';
import { documentRoutes } from './routes/documents.ts';
import { healthRoutes, type Readiness } from './routes/health.ts';
import { importRoutes } from './routes/import.ts';
import { issuerEventRoutes } from './routes/issuer-events.ts';
import { relationshipRoutes } from './routes/relationships.ts';
import { retrieveRoutes } from './routes/retrieve.ts';
import { revocationRoutes } from './routes/revocations.ts';
import { sessionEventRoutes } from './routes/session-events.ts';
import { sessionRoutes } from './routes/sessions.ts';
import { sourceRoutes } from './routes/sources.ts';
import { keyRoutes, tokenRoutes } from './routes/token.ts';

export type HttpParts = {
  readonly read: ReadPath;
  readonly write: WritePath;
  readonly registry: Registries;
  readonly exchange: Exchange;
  readonly revoking: Revoking;
  readonly issuerEvents: SecurityEvents;
  readonly streams: SessionStreams;
  readonly ready: Readiness;
  /** Absent: nothing is shed. */
  readonly gates?: Gates;
  /** Absent: nothing is counted. */
  readonly meter?: Meter;
};

/** Of what says for itself that it takes more: documents and relationships. */
const BODY_LIMIT = 256 * 1024;
/** Characters of a path parameter: all that Node takes as a request's head, for what an id may be is said elsewhere. */
const MAX_PARAM_LENGTH = 16 * 1024;

export async function httpServer(
  parts: HttpParts,
  logLevel: 'warn' | 'silent' = 'warn',
): Promise<FastifyInstance> {
  const { meter, gates } = parts;
  const refuse = (error: FastifyError | ClearanceError, request: FastifyRequest, reply: FastifyReply) => {
    const told = toProblem(error, request);
    meter?.refused(told.code, routeOf(request));
    return sendProblem(reply, told);
  };
  const app = Fastify({
    bodyLimit: BODY_LIMIT,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    // Requests are not logged: an id in a path is as secret as its document.
    logger: { level: logLevel, serializers: { req: () => ({}) } },
    logController: new LogController({ disableRequestLogging: true }),
    // A connection that idles must not hold up the end of the service.
    forceCloseConnections: 'idle',
    // Of a path that is not validly encoded; no handler has it yet.
    frameworkErrors: (error, request, reply) => void refuse(error, request, reply),
  });

  // Schemas here are for the OpenAPI document; each path checks its own input, so every door refuses the same.
  app.setValidatorCompiler(() => (value) => ({ value }));
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.setErrorHandler((error, request, reply) =>
    refuse(error as FastifyError | ClearanceError, request, reply),
  );
  app.setNotFoundHandler((request, reply) =>
    refuse(new ClearanceError('not_found', 'No such path.'), request, reply),
  );
  if (meter !== undefined) observe(app, meter);
  endConnections(app);
  endSlowBodies(app);
  addJsonParser(app);

  await app.register(swagger, {
    openapi: {
      info: {
        title: 'Clearance',
        version: '1',
        description: 'Passages that the person asking may read, and not one more.',
      },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      security: [{ bearer: [] }],
    },
    transform: jsonSchemaTransform,
  });
  await app.register(async (routes) => {
    gated(routes, gates?.reads, (scope) => {
      retrieveRoutes(scope, parts.read);
      sessionRoutes(scope, parts.read);
      tokenRoutes(scope, parts.exchange, (code, request) => meter?.refused(code, routeOf(request)));
    });
    gated(routes, gates?.writes, (scope) => {
      documentRoutes(scope, parts);
      relationshipRoutes(scope, parts);
      const administered = { identity: parts.read.identity, registries: parts.registry };
      agentRoutes(scope, administered);
      sourceRoutes(scope, administered);
    });
    gated(routes, gates?.revocations, (scope) => {
      revocationRoutes(scope, parts.read.identity, parts.revoking);
      issuerEventRoutes(scope, parts.issuerEvents, parts.revoking);
    });
    gated(routes, gates?.imports, (scope) => importRoutes(scope, parts));
    sessionEventRoutes(routes, parts.streams);
    healthRoutes(routes, parts.ready);
    keyRoutes(routes, parts.exchange);
  });
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  await app.ready();
  return app;
}

/**
 * A connection whose request was under way as the service began to end would else be kept alive, and one that was opened ahead of
 * its first request is none of those that Node closes as idle: the end would wait for either, over a minute.
 */
function endConnections(app: FastifyInstance): void {
  let ending = false;
  const unused = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  app.server.on('request', ({ socket }) => unused.delete(socket));
  app.addHook('preClose', async () => {
    ending = true;
    for (const socket of unused) socket.destroy();
  });
  app.addHook('onSend', async (_request, reply) => {
    if (ending) reply.header('connection', 'close');
  });
}
