import type { FastifyInstance } from 'fastify';
import { decisionResponse, readDecision } from '../../../retrieve/read-decision.ts';
import { documentResponse, readDocument } from '../../../retrieve/read-document.ts';
import { type ReadPath, retrieve } from '../../../retrieve/retrieve.ts';
import { type RetrieveRequest, retrieveRequest, retrieveResponse } from '../../../types/retrieval.ts';
import { presentedBy } from '../presented.ts';
import { problem } from '../problem.ts';

export function retrieveRoutes(app: FastifyInstance, read: ReadPath): void {
  app.post<{ Body: RetrieveRequest }>(
    '/v1/retrieve',
    {
      schema: {
        summary: 'The best passages for a query that the person, and the agent asking for them, may read',
        body: retrieveRequest,
        response: { 200: retrieveResponse, '4xx': problem, '5xx': problem },
      },
    },
    (request) => retrieve(read, presentedBy(request), request.body),
  );

  app.get<{ Params: { id: string } }>(
    '/v1/documents/:id',
    {
      schema: {
        summary: 'A document, whole, if it may be read',
        response: { 200: documentResponse, '4xx': problem, '5xx': problem },
      },
    },
    (request) => readDocument(read, presentedBy(request), request.params.id),
  );

  app.get<{ Params: { id: string } }>(
    '/v1/decisions/:id',
    {
      schema: {
        summary: 'What was released to whom, and the relationships that allowed it; for the scope "admin"',
        response: { 200: decisionResponse, '4xx': problem, '5xx': problem },
      },
    },
    (request) => readDecision(read, presentedBy(request), request.params.id),
  );
}
