import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realParts } from '../support/real-parts.ts';
import { type Door, embeddedDoor, realDoor } from './both-parts.ts';
import { loadOrganisation, spreadUsers } from './data.ts';
import { everyNth } from './slice.ts';

const organisation = loadOrganisation();
const parts = realParts();
const PEOPLE = 14;
/** So much of the organisation is written in seconds. The whole of it: `npm run test:k8s-real`. */
const EVERY = 40;

describe.skipIf(organisation === undefined || parts === undefined)(
  'a real organisation on real parts',
  () => {
    if (organisation === undefined || parts === undefined) return;
    const slice = everyNth(organisation, EVERY);
    let embedded: Door;
    let real: Door;

    beforeAll(async () => {
      [embedded, real] = await Promise.all([embeddedDoor(slice), realDoor(slice, parts)]);
    });
    afterAll(async () => {
      await embedded?.close();
      await real?.close();
    });

    it(`gives ${PEOPLE} people the same answers as on embedded parts, byte for byte`, {
      timeout: 180_000,
    }, async () => {
      const answers = new Set<string>();
      for (const [i, user] of spreadUsers(slice.reads, PEOPLE).entries()) {
        const query = organisation.queries[i * 50] ?? '';
        const [expected, got] = await Promise.all([embedded.ask(user, query), real.ask(user, query)]);
        expect(expected.status).toBe(200);
        expect(got.body, `${user}: ${query}`).toBe(expected.body);
        answers.add(got.body);
      }
      // Not all of them the same empty one.
      expect(answers.size).toBeGreaterThan(PEOPLE / 2);
    });
  },
);
