import { ConsistencyPreference, type WriteAuthorizationModelRequest } from '@openfga/sdk';
import type { TupleChanges } from '../../ports/engine.ts';
import type { EngineStore } from '../../ports/engine-stores.ts';
import type { FeedEntry } from '../../ports/ledger.ts';
import type { Tuple } from '../../types/tuple.ts';
import {
  batchCheckBody,
  type ChecksRequest,
  type ListRequest,
  listBody,
  type WriteMode,
  writeBody,
} from './requests.ts';
import { type OpenFgaConfig, transport } from './transport.ts';
import { OpenFgaUnusable } from './unusable.ts';
import {
  changesAnswer,
  modelAnswer,
  modelsAnswer,
  readAnswer,
  storeAnswer,
  storesAnswer,
  type WrittenModel,
  writeAnswer,
  writeModelAnswer,
} from './wire.ts';

/** What Read takes: nothing, an object, or a user with an object's type (`folder:`). */
export type ReadFilter = { readonly object?: string; readonly relation?: string; readonly user?: string };

/** Each endpoint that we use, one request or one for each page. Throws `OpenFgaUnusable`. */
export type OpenFgaClient = {
  /** The answer's text: which of its keys came twice is seen there alone. */
  batchCheck(store: EngineStore, request: ChecksRequest, signal?: AbortSignal): Promise<string>;
  /** One JSON a line, as the server finds them. It stops at its deadline, without a word: what is there holds. */
  listObjects(store: EngineStore, request: ListRequest, signal?: AbortSignal): Promise<string>;
  read(storeId: string, filter: ReadFilter, signal?: AbortSignal): Promise<Tuple[]>;
  /** Each page when it is asked for; without a filter, of every tuple. */
  readPages(storeId: string, filter?: ReadFilter, signal?: AbortSignal): AsyncIterable<Tuple[]>;
  /** At or after `since` by the server's clock. */
  readChanges(storeId: string, since?: string, signal?: AbortSignal): Promise<FeedEntry[]>;
  /** All or nothing. */
  write(store: EngineStore, changes: TupleChanges, mode: WriteMode): Promise<void>;
  /** Throws where the store was deleted: OpenFGA goes on answering everything else of it as if it were there. */
  requireStore(storeId: string): Promise<void>;
  createStore(name: string): Promise<string>;
  /** Ids of stores of exactly this name, oldest first. */
  storesNamed(name: string): Promise<string[]>;
  writeModel(storeId: string, model: object): Promise<string>;
  readModel(storeId: string, modelId: string): Promise<WrittenModel>;
  /** Newest first. */
  readModels(storeId: string): Promise<WrittenModel[]>;
};

/** The most that OpenFGA gives. */
const PAGE = 100;
/** A model may have 256 KiB, and more as JSON. */
const MODELS_PAGE = 10;

export function openFgaClient(config: OpenFgaConfig): OpenFgaClient {
  const server = transport(config);
  const consistency = ConsistencyPreference.HigherConsistency;

  /** One page. */
  function readPage(
    storeId: string,
    { object, relation, user }: ReadFilter,
    token: string,
    signal?: AbortSignal,
  ): Promise<Page<Tuple>> {
    return server.json(
      readAnswer,
      (api, options) =>
        api.read(
          storeId,
          {
            ...(object === undefined ? {} : { tuple_key: defined({ object, relation, user }) }),
            page_size: PAGE,
            continuation_token: token,
            consistency,
          },
          options,
        ),
      signal,
    );
  }

  return {
    batchCheck: (store, request, signal) =>
      server.text(
        (api, options) => api.batchCheck(store.storeId, batchCheckBody(store, request), options),
        signal,
      ),

    listObjects: (store, request, signal) =>
      server.text(
        (api, options) =>
          // The SDK's own method gives a stream, which is beyond our deadline and our limit of an answer's size.
          api.executeApiRequest(
            {
              operationName: 'StreamedListObjects',
              method: 'POST',
              path: '/stores/{store_id}/streamed-list-objects',
              pathParams: { store_id: store.storeId },
              body: listBody(store, request),
            },
            options,
          ),
        signal,
      ),

    read: (storeId, filter, signal) => pages((token) => readPage(storeId, filter, token, signal)),

    readPages: (storeId, filter = {}, signal) =>
      eachPage((token) => readPage(storeId, filter, token, signal)),

    readChanges: (storeId, since, signal) =>
      pages((token) =>
        server.json(
          changesAnswer,
          (api, options) => api.readChanges(storeId, undefined, PAGE, token || undefined, since, options),
          signal,
        ),
      ),

    async write(store, changes, mode) {
      await server.json(writeAnswer, (api, options) =>
        api.write(store.storeId, writeBody(store, changes, mode), options),
      );
    },

    async requireStore(storeId) {
      await server.json(storeAnswer, (api, options) => api.getStore(storeId, options));
    },

    async createStore(name) {
      const { id } = await server.json(storeAnswer, (api, options) => api.createStore({ name }, options));
      return id;
    },

    async storesNamed(name) {
      const stores = await pages((token) =>
        server.json(storesAnswer, (api, options) => api.listStores(PAGE, token || undefined, name, options)),
      );
      // ULIDs, whose order is that of their making. A server that doesn't know the filter gives all stores.
      return stores
        .filter((store) => store.name === name)
        .map(({ id }) => id)
        .toSorted();
    },

    async writeModel(storeId, model) {
      const { authorization_model_id: id } = await server.json(writeModelAnswer, (api, options) =>
        // The server checks it whole, as it does what it gets from anyone.
        api.writeAuthorizationModel(storeId, model as WriteAuthorizationModelRequest, options),
      );
      return id;
    },

    async readModel(storeId, modelId) {
      const { authorization_model: model } = await server.json(modelAnswer, (api, options) =>
        api.readAuthorizationModel(storeId, modelId, options),
      );
      if (model.id !== modelId) throw new OpenFgaUnusable('it gave another model than the one asked for');
      return model;
    },

    readModels: (storeId) =>
      pages((token) =>
        server.json(modelsAnswer, (api, options) =>
          api.readAuthorizationModels(storeId, MODELS_PAGE, token || undefined, options),
        ),
      ),
  };
}

function defined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> };
function defined(fields: object): object {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

type Page<T> = { readonly items: T[]; readonly next: string };

async function pages<T>(page: (token: string) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  for await (const items of eachPage(page)) {
    for (const item of items) all.push(item);
  }
  return all;
}

/** Reads on until a page is empty: a short one need not be the last. */
async function* eachPage<T>(page: (token: string) => Promise<Page<T>>): AsyncGenerator<T[]> {
  let token = '';
  for (;;) {
    const { items, next } = await page(token);
    yield items;
    if (next === '' || items.length === 0) return;
    if (next === token) throw new OpenFgaUnusable('its pages go round in a circle');
    token = next;
  }
}
