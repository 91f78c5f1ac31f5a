import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openService, type Service } from '../../src/compose.ts';
import { type Config, readConfig } from '../../src/config.ts';
import { developmentToken } from '../../src/operator.ts';
import type { Identity } from '../../src/ports/identity.ts';
import type { ReadPath } from '../../src/retrieve/retrieve.ts';
import { allowsAll } from '../support/engines.ts';
import { serveHttp } from '../support/http.ts';
import { realParts } from '../support/real-parts.ts';
import { type Installation, install } from '../support/real-service.ts';
import { unnarrowed } from '../support/unnarrowed.ts';
import { Client, type Outcome } from './clients.ts';
import { Crossings } from './crossings.ts';
import { worldOf } from './people.ts';
import { seed } from './seed.ts';

const CONNECTIONS = 50;
const QUESTIONS_EACH = 5;

describe.skipIf(realParts() === undefined)('200 people at once on real parts', () => {
  const { people, documents, relationships } = worldOf({ people: 200, own: 1, shared: 1 });
  let installation: Installation;
  let config: Config;
  let service: Service;
  let tokens: string[];
  /** Without the permission index. */
  let wide: Awaited<ReturnType<typeof unnarrowed>>;

  beforeAll(async () => {
    installation = await install({
      AUTHORIZATION_MODEL: join(import.meta.dirname, 'flat.fga'),
      MAX_REQUESTS_IN_FLIGHT: String(CONNECTIONS),
    });
    config = readConfig(installation.env);
    service = await openService(config, console.error);
    wide = await unnarrowed({ config });
    await seed(service.write, config, { documents, relationships });
    tokens = await Promise.all(
      people.map(({ name }) =>
        developmentToken(config, { subject: name, scopes: ['retrieve'], lifetime: 3_600 }),
      ),
    );
  });
  afterAll(async () => {
    await wide?.close();
    await service?.close();
    await installation?.close();
  });

  it('each gets an answer of their own to every question', { timeout: 180_000 }, async () => {
    const { outcomes, crossings } = await askAll(service.read, QUESTIONS_EACH);
    expect(crossings.found).toEqual([]);
    expect(crossings.answers).toBe(people.length * QUESTIONS_EACH);
    // A machine that does much else may be late with a verdict, which is asked for again.
    const refusals = outcomes.filter(({ status }) => status !== 200);
    expect(refusals.filter(({ code }) => code !== 'engine_unavailable')).toEqual([]);
  });

  /** Answers for whoever was asked about last, as a service does that keeps "the user" in a variable. */
  function forgetful(identity: Identity): Identity {
    let last: ReturnType<Identity['verify']> | undefined;
    return {
      ...identity,
      async verify(token) {
        last = identity.verify(token);
        await sleep(20);
        return last;
      },
    };
  }

  const faulty: Record<string, (read: ReadPath) => ReadPath> = {
    'the engine allows everything': (read) => ({ ...read, index: wide.index, engine: allowsAll }),
    'people are mixed up': (read) => ({ ...read, identity: forgetful(read.identity) }),
  };

  it.each(Object.entries(faulty))('the same questions tell when %s', async (_, spoil) => {
    const { crossings } = await askAll(spoil(service.read), 1);
    expect(crossings.found.length).toBeGreaterThan(CONNECTIONS);
    expect(crossings.found.join('\n')).toMatch(/which is another's/);
  });

  async function askAll(
    read: ReadPath,
    questionsEach: number,
  ): Promise<{ outcomes: Outcome[]; crossings: Crossings }> {
    const http = await serveHttp({ ...service, read });
    const crossings = new Crossings();
    const outcomes: Outcome[] = [];
    const clients = people.map(
      (person, i) =>
        new Client(person.name, person, { people, url: http.url, token: tokens[i] ?? '', crossings }),
    );
    const waiting = Array.from({ length: questionsEach }, () => clients).flat();
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        for (let client = waiting.shift(); client !== undefined; client = waiting.shift()) {
          const outcome = await client.ask();
          outcomes.push(outcome);
          if (outcome.status !== 200) waiting.push(client);
        }
      }),
    );
    for (const client of clients) client.close();
    await http.close();
    return { outcomes, crossings };
  }
});
