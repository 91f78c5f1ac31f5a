import type { FastifyInstance } from 'fastify';
import {
  changeSource,
  listSources,
  readSource,
  registerSource,
  removeSource,
} from '../../../sources/registry.ts';
import { sourceChange, sourceRegistration, sourceResponse } from '../../../types/source.ts';
import { type Administered, registryRoutes } from './registry.ts';

export function sourceRoutes(app: FastifyInstance, { identity, registries }: Administered): void {
  registryRoutes(app, identity, {
    name: 'sources',
    summaries: {
      put: 'Makes a source of documents known, or takes the place of what was known of it',
      patch: 'Changes what is known of a source: suspends it, sets what it may write, notes a review',
      delete: 'Forgets a source; its documents stay',
      get: 'What is known of a source',
      list: 'The sources that are known, by id, a thousand at a time',
    },
    registration: sourceRegistration,
    change: sourceChange,
    told: sourceResponse,
    async register(by, id, input) {
      const { source: told, created } = await registerSource(registries, by, id, input);
      return { told, created };
    },
    alter: (by, id, input) => changeSource(registries, by, id, input),
    remove: (by, id) => removeSource(registries, by, id),
    read: (by, id) => readSource(registries, by, id),
    list: (by, after) => listSources(registries, by, after),
  });
}
