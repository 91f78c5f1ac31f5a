import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Engine } from '../../src/ports/engine.ts';
import { type Http, serveHttp } from '../support/http.ts';
import { realParts } from '../support/real-parts.ts';
import { unnarrowed } from '../support/unnarrowed.ts';
import { verdictFaults } from './openfga-faults.ts';
import { operations, seed, TEXT } from './operations.ts';
import { openWorld, sharedServers, type World } from './world.ts';

const answer = z.object({ result: z.record(z.string(), z.object({ allowed: z.boolean().optional() })) });

/** What a careless client makes of OpenFGA's answers: ids that every request has, and a gap or an error is a no. */
async function carelessEngine({ config, admin }: World): Promise<Engine> {
  const { rows } = await admin.query<{ store: string; model: string }>(
    'SELECT store_id AS store, model_id AS model FROM engine_stores',
  );
  const { apiUrl, credentials } = config.openfga ?? {};
  const key = credentials?.kind === 'token' ? credentials.token : '';
  return {
    async batchCheck({ checks, context }) {
      const response = await fetch(`${apiUrl}/stores/${rows[0]?.store}/batch-check`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}` },
        body: JSON.stringify({
          authorization_model_id: rows[0]?.model,
          checks: checks.map(({ user, relation, object }, i) => ({
            tuple_key: { user, relation, object },
            correlation_id: `c${i}`,
            context,
          })),
        }),
      });
      const { result } = answer.parse(await response.json());
      return checks.map(({ correlationId }, i) => ({
        correlationId,
        allowed: result[`c${i}`]?.allowed === true,
      }));
    },
  };
}

describe.skipIf(realParts()?.native === undefined)(
  'without the guard, by a careless client of OpenFGA',
  () => {
    let world: World;
    let http: Http;
    let careless: World;
    /** Nor is there a permission index, which would keep people from finding what they may not read. */
    let wide: Awaited<ReturnType<typeof unnarrowed>>;

    beforeAll(async () => {
      world = await openWorld(sharedServers());
      const { service } = world;
      const engine = await carelessEngine(world);
      wide = await unnarrowed(world);
      http = await serveHttp({ ...service, read: { ...service.read, index: wide.index, engine } });
      careless = {
        ...world,
        send: async (who, method, path, json) =>
          http.send(method, path, { token: await world.tokenOf(who), json }),
      };
      await seed(careless, 'row');
    });
    afterAll(async () => {
      await http.close();
      await wide.close();
      await world.close();
    });

    const retrieved = async () => {
      const { text } = await operations['retrieve without rights'].run(careless, 'row');
      const annes = await operations.retrieve.run(careless, 'row');
      return {
        leaked: TEXT.test(text),
        found: z.array(z.unknown()).parse(annes.body.results).length,
        complete: annes.body.complete,
      };
    };

    it('nothing shows while nothing is at fault', async () => {
      expect(await retrieved()).toEqual({ leaked: false, found: 3, complete: true });
    });

    it.each([
      ['none', { leaked: false, found: 0, complete: true }],
      ['missing', { leaked: false, found: 2, complete: true }],
      ['itemError', { leaked: false, found: 2, complete: true }],
      ['duplicated', { leaked: true, found: 4, complete: true }],
      ['anothers', { leaked: true, found: 3, complete: true }],
      ['errorAndYes', { leaked: true, found: 4, complete: true }],
    ] as const)('%s: a passage is lost unseen, or leaks', async (name, harm) => {
      const fault = verdictFaults[name];
      await fault.begin(careless, 'row');
      try {
        expect(await retrieved()).toEqual(harm);
      } finally {
        await fault.end(careless);
      }
    });
  },
);
