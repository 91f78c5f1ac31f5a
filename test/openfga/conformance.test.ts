import { ConsistencyPreference } from '@openfga/sdk';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openFgaEngine } from '../../src/adapters/openfga/engine.ts';
import { openFgaRelationships } from '../../src/adapters/openfga/relationships.ts';
import { type Transport, transport } from '../../src/adapters/openfga/transport.ts';
import { OpenFgaUnusable } from '../../src/adapters/openfga/unusable.ts';
import { modelFromDsl } from '../../src/evaluator/model.ts';
import type { EngineStore } from '../../src/ports/engine-stores.ts';
import {
  type Circumstances,
  conformanceFiles,
  conformanceIsThere,
  conformanceTests,
  type Failed,
  runStage,
  type Subject,
} from '../evaluator/conformance-suite.ts';
import { type OwnOpenFga, ownOpenFga } from '../support/own-parts.ts';
import { realParts } from '../support/real-parts.ts';
import { freshStore, pinned, serverConfig } from './fresh-store.ts';

/** OpenFGA's numbers for the names that its HTTP answers hold (openfga/v1/errors_ignore.proto). */
const numbers: Readonly<Record<string, number>> = {
  validation_error: 2000,
  authorization_model_resolution_too_complex: 2002,
  type_not_found: 2021,
  relation_not_found: 2022,
  invalid_tuple: 2027,
};

function failed(reason: string | undefined): Failed {
  const errorCode = numbers[reason ?? ''];
  if (errorCode === undefined) throw new Error(`An error that no assertion expects: ${reason}`);
  return { errorCode };
}

const users = z.array(
  z.object({
    object: z.object({ type: z.string(), id: z.string() }).nullish(),
    userset: z.object({ type: z.string(), id: z.string(), relation: z.string() }).nullish(),
    wildcard: z.object({ type: z.string() }).nullish(),
  }),
);

/** Checks through the engine; lists, which the product never asks for, through the transport beneath it. */
function serverUnder(
  server: Transport,
  store: EngineStore,
  engine: ReturnType<typeof openFgaEngine>,
): Subject {
  const consistency = ConsistencyPreference.HigherConsistency;
  const pin = { authorization_model_id: store.modelId, consistency };
  return {
    async check(query, { context, contextualTuples }) {
      const checks = [{ correlationId: 'only', ...query }];
      const signal = AbortSignal.timeout(10_000);
      const [result] = await orFailed(() =>
        engine.batchCheck({ tenant: 'default', checks, context, contextualTuples, signal }),
      ).then((answer) => (Array.isArray(answer) ? answer : [answer]));
      if (result === undefined) throw new Error('no result');
      if ('errorCode' in result) return result;
      return result.error === undefined ? result.allowed : failed(result.error);
    },
    listObjects: (query, under) =>
      orFailed(async () => {
        const { objects } = await server.json(z.object({ objects: z.array(z.string()) }), (api, options) =>
          api.listObjects(
            store.storeId,
            { ...pin, ...query, context: under.context, contextual_tuples: { tuple_keys: tupleKeys(under) } },
            options,
          ),
        );
        return objects;
      }),
    listUsers: ({ object, relation, filters }, under) =>
      orFailed(async () => {
        const [type = '', id = ''] = splitOnce(object);
        const answer = await server.json(z.object({ users }), (api, options) =>
          api.listUsers(
            store.storeId,
            {
              ...pin,
              object: { type, id },
              relation,
              user_filters: [...filters],
              context: under.context,
              contextual_tuples: tupleKeys(under),
            },
            options,
          ),
        );
        return answer.users.map(nameOf);
      }),
  };
}

async function orFailed<T>(ask: () => Promise<T>): Promise<T | Failed> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof OpenFgaUnusable) return failed(error.reason);
    throw error;
  }
}

function tupleKeys({ contextualTuples }: Circumstances) {
  return [...contextualTuples];
}

function nameOf({ object, userset, wildcard }: z.infer<typeof users>[number]): string {
  if (object) return `${object.type}:${object.id}`;
  if (userset) return `${userset.type}:${userset.id}#${userset.relation}`;
  return `${wildcard?.type}:*`;
}

function splitOnce(object: string): string[] {
  const at = object.indexOf(':');
  return [object.slice(0, at), object.slice(at + 1)];
}

/**
 * In memory and with time enough where one can be started: a list that the server cuts short at its deadline looks
 * like a whole one.
 */
let own: OwnOpenFga | undefined;

beforeAll(async () => {
  if (!conformanceIsThere || realParts()?.native === undefined) return;
  const time = '30s';
  own = await ownOpenFga({
    env: {
      OPENFGA_REQUEST_TIMEOUT: time,
      OPENFGA_LIST_OBJECTS_DEADLINE: time,
      OPENFGA_LIST_USERS_DEADLINE: time,
    },
  });
});
afterAll(() => own?.close());

const asked = new Map<string, number>();

describe.skipIf(!conformanceIsThere || realParts() === undefined)(
  "OpenFGA's test matrix on a real server (skipped without that, or ../shared/data/openfga-conformance)",
  () => {
    for (const { file } of conformanceFiles) {
      for (const { name, stages } of conformanceTests(file)) {
        it.concurrent(`${file}: ${name}`, async () => {
          const server = transport(serverConfig(own?.openfga));
          const [first] = stages;
          if (first === undefined) return;
          const { client, storeId, modelId } = await freshStore(first.model, serverConfig(own?.openfga));
          let count = 0;
          for (const stage of stages) {
            // The tuples of earlier stages stay; the model is a new one.
            const store =
              stage === first
                ? { storeId, modelId }
                : { storeId, modelId: await client.writeModel(storeId, modelFromDsl(stage.model).json) };
            const stores = pinned(store);
            for (let i = 0; i < stage.tuples.length; i += 100) {
              const writes = stage.tuples.slice(i, i + 100);
              await openFgaRelationships(client, stores).write('default', { writes, deletes: [] });
            }
            count += await runStage(serverUnder(server, store, openFgaEngine(client, stores)), stage);
          }
          expect(count).toBeGreaterThan(0);
          asked.set(file, (asked.get(file) ?? 0) + count);
        });
      }
    }
  },
);

describe.skipIf(!conformanceIsThere || realParts() === undefined)(
  'and every assertion of it was asked',
  () => {
    for (const { file, assertions } of conformanceFiles) {
      it(`${file}: ${assertions}`, () => {
        expect(asked.get(file)).toBe(assertions);
        console.log(`${file}: ${asked.get(file)} of ${assertions} assertions hold on the OpenFGA server.`);
      });
    }
  },
);
