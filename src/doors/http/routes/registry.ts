import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { Identity } from '../../../ports/identity.ts';
import type { Registries } from '../../../registry/registries.ts';
import { authenticate } from '../../../retrieve/authenticate.ts';
import type { Principal } from '../../../types/principal.ts';
import { presentedBy } from '../presented.ts';
import { problem } from '../problem.ts';

export type Administered = { readonly identity: Identity; readonly registries: Registries };

/** One registry, as its routes need it. */
export type Resource<Registration, Change, Told> = {
  /** `agents`: the end of its path, and what a page of it calls them. */
  readonly name: string;
  readonly summaries: Record<'put' | 'patch' | 'delete' | 'get' | 'list', string>;
  readonly registration: z.ZodType<unknown, Registration>;
  readonly change: z.ZodType<unknown, Change>;
  readonly told: z.ZodType<Told>;
  register(by: Principal, id: string, input: Registration): Promise<{ told: Told; created: boolean }>;
  alter(by: Principal, id: string, input: Change): Promise<Told>;
  remove(by: Principal, id: string): Promise<void>;
  read(by: Principal, id: string): Promise<Told>;
  list(by: Principal, after?: string): Promise<unknown>;
};

type One = { Params: { id: string } };
const failures = { '4xx': problem, '5xx': problem };

/** All of them for the scope `admin`. What a body is, the registry makes sure of. */
export function registryRoutes<Registration, Change, Told>(
  app: FastifyInstance,
  identity: Identity,
  { name, summaries, registration, change, told, ...resource }: Resource<Registration, Change, Told>,
): void {
  const path = `/v1/${name}`;
  const admin = async (request: Parameters<typeof presentedBy>[0]) =>
    (await authenticate(identity, presentedBy(request), 'admin')).principal;

  app.put<One>(
    `${path}/:id`,
    {
      schema: { summary: summaries.put, body: registration, response: { 200: told, 201: told, ...failures } },
    },
    async (request, reply) => {
      const by = await admin(request);
      const { told, created } = await resource.register(by, request.params.id, request.body as Registration);
      return reply.code(created ? 201 : 200).send(told);
    },
  );
  app.patch<One>(
    `${path}/:id`,
    { schema: { summary: summaries.patch, body: change, response: { 200: told, ...failures } } },
    async (request) => resource.alter(await admin(request), request.params.id, request.body as Change),
  );
  app.delete<One>(
    `${path}/:id`,
    { schema: { summary: summaries.delete, response: { 204: z.null(), ...failures } } },
    async (request, reply) => {
      await resource.remove(await admin(request), request.params.id);
      return reply.code(204).send();
    },
  );
  app.get<One>(
    `${path}/:id`,
    { schema: { summary: summaries.get, response: { 200: told, ...failures } } },
    async (request) => resource.read(await admin(request), request.params.id),
  );
  app.get<{ Querystring: { after?: string } }>(
    path,
    {
      schema: {
        summary: summaries.list,
        querystring: z.object({ after: z.string().optional() }),
        response: {
          200: z.object({ [name]: z.array(told), next: z.string().nullable() }),
          ...failures,
        },
      },
    },
    async (request) => resource.list(await admin(request), request.query.after),
  );
}
