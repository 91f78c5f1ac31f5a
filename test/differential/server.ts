import { CredentialsMethod, FgaApiValidationError, OpenFgaApi, type User } from '@openfga/sdk';
import { type OpenFgaClient, openFgaClient } from '../../src/adapters/openfga/client.ts';
import { openFgaEngine } from '../../src/adapters/openfga/engine.ts';
import { OpenFgaUnusable } from '../../src/adapters/openfga/unusable.ts';
import type { AuthorizationModelJson } from '../../src/evaluator/model-json.ts';
import type { Engine } from '../../src/ports/engine.ts';
import type { EngineStore } from '../../src/ports/engine-stores.ts';
import type { Tuple, TupleKey } from '../../src/types/tuple.ts';
import type { Answer, Listing } from './evaluate.ts';
import type { ListQuestion, Question } from './sketch.ts';
import type { World } from './world.ts';

/** A real OpenFGA server, by our own adapter; what that has no call for, by the SDK. */
export class Server {
  readonly #client: OpenFgaClient;
  readonly #api: OpenFgaApi;

  constructor({ apiUrl, token }: { readonly apiUrl: string; readonly token: string }) {
    this.#client = openFgaClient({ apiUrl, credentials: { kind: 'token', token } });
    this.#api = new OpenFgaApi({
      apiUrl,
      credentials: { method: CredentialsMethod.ApiToken, config: { token } },
    });
  }

  /** A store with this model; undefined where the server refuses the model. */
  async openStore(model: AuthorizationModelJson): Promise<Store | undefined> {
    const storeId = await this.#client.createStore('differential');
    const modelId = await unlessRefused(this.#client.writeModel(storeId, model));
    if (modelId !== undefined) return new Store(this.#client, this.#api, { storeId, modelId });
    await this.#api.deleteStore(storeId);
    return undefined;
  }
}

export class Store {
  readonly #client: OpenFgaClient;
  readonly #api: OpenFgaApi;
  readonly #store: EngineStore;

  constructor(client: OpenFgaClient, api: OpenFgaApi, store: EngineStore) {
    this.#client = client;
    this.#api = api;
    this.#store = store;
  }

  /** Whether the server took them. */
  async write(tuples: readonly Tuple[]): Promise<boolean> {
    if (tuples.length === 0) return true;
    const written = this.#client.write(this.#store, { writes: tuples, deletes: [] }, 'strict');
    return (await unlessRefused(written.then(() => true))) ?? false;
  }

  /** As the product asks it, with the context of a world. */
  engine(context: World['context']): Engine {
    const engine = openFgaEngine(this.#client, { of: async () => this.#store });
    return {
      batchCheck: (batch) => engine.batchCheck({ ...batch, context }),
      listObjects: (question) => engine.listObjects?.({ ...question, context }) ?? Promise.resolve([]),
    };
  }

  async delete(tuples: readonly TupleKey[]): Promise<void> {
    await this.#client.write(this.#store, { writes: [], deletes: tuples }, 'strict');
  }

  async check(
    { contextual, context }: Pick<World, 'contextual' | 'context'>,
    questions: readonly Question[],
  ): Promise<Answer[]> {
    if (questions.length === 0) return [];
    const engine = openFgaEngine(this.#client, { of: async () => this.#store });
    const results = await engine.batchCheck({
      tenant: 'any',
      checks: questions.map((question, i) => ({ ...question, correlationId: `${i}` })),
      context,
      contextualTuples: contextual,
      signal: AbortSignal.timeout(10_000),
    });
    const byId = new Map(results.map((result) => [result.correlationId, result]));
    return questions.map((_, i) => {
      const result = byId.get(`${i}`);
      if (!result) throw new Error(`no answer for check ${i}`);
      if (result.error === 'deadline_exceeded') throw new OpenFgaUnusable('a check took too long');
      return result.error === undefined ? (result.allowed ? 'allowed' : 'denied') : 'error';
    });
  }

  async list(
    { contextual, context }: World,
    { user, relation, object, filter }: ListQuestion,
  ): Promise<Listing> {
    const [type = '', id = ''] = object.split(':');
    const [filterType = '', filterRelation] = filter.split('#');
    const shared = { authorization_model_id: this.#store.modelId, relation, context };
    const { storeId } = this.#store;
    const [objects, users] = await Promise.all([
      orError(
        this.#api.listObjects(storeId, {
          ...shared,
          user,
          type,
          contextual_tuples: { tuple_keys: [...contextual] },
        }),
      ),
      orError(
        this.#api.listUsers(storeId, {
          ...shared,
          object: { type, id },
          user_filters: [
            filterRelation === undefined
              ? { type: filterType }
              : { type: filterType, relation: filterRelation },
          ],
          contextual_tuples: [...contextual],
        }),
      ),
    ]);
    return {
      objects: objects === 'error' ? objects : objects.objects,
      users: users === 'error' ? users : users.users.map(userText),
    };
  }

  async close(): Promise<void> {
    await this.#api.deleteStore(this.#store.storeId);
  }
}

function userText({ object, userset, wildcard }: User): string {
  if (wildcard) return `${wildcard.type}:*`;
  if (userset) return `${userset.type}:${userset.id}#${userset.relation}`;
  return `${object?.type}:${object?.id}`;
}

async function unlessRefused<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof OpenFgaUnusable && error.httpStatus === 400) return undefined;
    throw error;
  }
}

async function orError<T>(call: Promise<T>): Promise<T | 'error'> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof FgaApiValidationError) return 'error';
    throw error;
  }
}
