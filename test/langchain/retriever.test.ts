import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { BaseCallbackHandler } from '@langchain/core/callbacks/base';
import { awaitAllCallbacks } from '@langchain/core/callbacks/promises';
import type { RunnableConfig } from '@langchain/core/runnables';
import { RunnableLambda, RunnableSequence } from '@langchain/core/runnables';
import { AsyncLocalStorageProviderSingleton } from '@langchain/core/singletons';
import { LangChainTracer } from '@langchain/core/tracers/tracer_langchain';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ClearanceRetriever, type Retrieve, remoteRetrieve } from '../../src/doors/langchain/index.ts';
import { ClearanceError } from '../../src/types/errors.ts';
import { answerFor, problem, startService } from './service.ts';

/** Takes longer for some than for others, so that answers overtake each other. */
const delay = (token: string) => (token.length * 7) % 20;

const inProcess: Retrieve = async ({ token, query }) => {
  await sleep(delay(token));
  if (token === 'refused') throw new ClearanceError('forbidden', 'no scope');
  return answerFor(token, query);
};

let service: Awaited<ReturnType<typeof startService>>;

beforeAll(async () => {
  // As LangGraph does when it is imported; without it nothing is inherited by a nested run.
  AsyncLocalStorageProviderSingleton.initializeGlobalInstance(new AsyncLocalStorage());
  service = await startService(async ({ headers, body }) => {
    const token = headers.authorization?.replace('Bearer ', '') ?? '';
    await sleep(delay(token));
    return token === 'refused'
      ? problem(403, 'forbidden', 'no scope')
      : { body: answerFor(token, String(body.query)) };
  });
});

afterAll(async () => {
  await service.stop();
});

const as = (clearance_token: unknown, more: object = {}): RunnableConfig => ({
  configurable: { clearance_token, ...more },
});

describe.each([
  ['in this process', () => inProcess],
  ['over HTTP', () => remoteRetrieve(service.url)],
])('the retriever %s', (_, way) => {
  const make = () => new ClearanceRetriever({ retrieve: way() });

  it('returns what the person of the configuration may read', async () => {
    const documents = await make().invoke('leave', as('anne'));
    expect(documents).toEqual([
      {
        id: 'handbook-leave',
        pageContent: 'leave for anne',
        metadata: {
          team: 'hr',
          document_id: 'handbook',
          chunk_id: 'handbook-leave',
          title: 'Handbook',
          score: 0.5,
          source_url: 'https://wiki.example.com/handbook',
          version: 3,
          decision_id: 'decision-anne',
          complete: true,
        },
      },
    ]);
  });

  it('does not mix up the configurations of a batch', async () => {
    const people = Array.from({ length: 30 }, (__, index) => `person-${'x'.repeat(index)}`);
    const answers = await make().batch(
      people.map((person) => `q-${person}`),
      people.map((person) => as(person)),
    );
    expect(answers.map(([document]) => document?.pageContent)).toEqual(
      people.map((person) => `q-${person} for ${person}`),
    );
  });

  it('does not mix up runs side by side, streamed or not', async () => {
    const retriever = make();
    const runs = Array.from({ length: 40 }, async (__, index) => {
      const person = `person-${'x'.repeat(40 - index)}`;
      const found = [];
      if (index % 2 === 0) found.push(...(await retriever.invoke('q', as(person))));
      else for await (const documents of await retriever.stream('q', as(person))) found.push(...documents);
      return found.map(({ pageContent }) => pageContent).join() === `q for ${person}`;
    });
    expect(await Promise.all(runs)).toEqual(Array.from(runs, () => true));
  });

  it('tells the error of the service', async () => {
    await expect(make().invoke('leave', as('refused'))).rejects.toMatchObject({
      code: 'forbidden',
      message: 'no scope',
    });
  });
});

describe('who is asking', () => {
  const asked = vi.fn<Retrieve>(inProcess);
  const retriever = new ClearanceRetriever({ retrieve: asked, k: 7, filter: { team: { eq: 'hr' } } });

  it.each([
    ['no configuration', undefined],
    ['nothing configurable', {}],
    ['a token elsewhere', { metadata: { clearance_token: 'anne' } }],
    ['an empty token', as('')],
    ['a token that is no string', as({ toString: () => 'anne' })],
    ['a function without a token', as(() => undefined)],
    ['a session that is no string', as('anne', { clearance_session_id: 7 })],
  ])('must be said: %s', async (_, config) => {
    const unauthenticated = { code: 'unauthenticated', message: expect.stringContaining('clearance_token') };
    await expect(retriever.invoke('leave', config)).rejects.toMatchObject(unauthenticated);
    await expect(retriever.batch(['leave'], config)).rejects.toMatchObject(unauthenticated);
    const drain = async () => {
      for await (const documents of await retriever.stream('leave', config)) return documents;
      return undefined;
    };
    await expect(drain()).rejects.toMatchObject(unauthenticated);
    expect(asked).not.toHaveBeenCalled();
  });

  it('is not remembered from the run before', async () => {
    await retriever.invoke('leave', as('anne'));
    await expect(retriever.invoke('leave')).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('goes with the session, the limits and the signal of the run', async () => {
    const { signal } = new AbortController();
    await retriever.invoke('leave', { ...as(() => 'bob', { clearance_session_id: 's9' }), signal });
    expect(asked).toHaveBeenLastCalledWith(
      { token: 'bob', query: 'leave', k: 7, session_id: 's9', filter: { team: { eq: 'hr' } } },
      { signal },
    );
  });

  it('is inherited inside a chain, and from no other run', async () => {
    const chain = RunnableSequence.from([
      RunnableLambda.from((query: string) => query.toUpperCase()),
      retriever,
      RunnableLambda.from((documents: { pageContent: string }[]) =>
        documents.map(({ pageContent }) => pageContent),
      ),
    ]);
    const answers = await chain.batch(['a', 'b'], [as('anne'), as('bob')]);
    expect(answers).toEqual([['A for anne'], ['B for bob']]);

    const nested = RunnableLambda.from(async (query: string) => await retriever.invoke(query));
    await expect(nested.invoke('a', as('anne'))).resolves.toMatchObject([{ pageContent: 'a for anne' }]);
    await expect(nested.invoke('a')).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});

const forAnne: Retrieve = async ({ query }) => answerFor('anne', query);

/** Everything that a chain around a retriever sends to LangSmith, when run with `token`. */
async function traced(token: unknown): Promise<string> {
  const runs: unknown[] = [];
  const keep = async (run: unknown) => {
    runs.push(run);
  };
  const client = { createRun: keep, updateRun: async (_: string, run: unknown) => await keep(run) };
  const tracer = new LangChainTracer({ client: client as unknown as LangChainTracer['client'] });
  const chain = RunnableSequence.from([
    RunnableLambda.from((query: string) => query),
    new ClearanceRetriever({ retrieve: forAnne }),
  ]);
  await chain.invoke('leave', { ...as(token), callbacks: [tracer] });
  await awaitAllCallbacks();
  expect(runs.length).toBeGreaterThan(3);
  return JSON.stringify(runs);
}

describe('callbacks', () => {
  class Recorder extends BaseCallbackHandler {
    readonly name = 'recorder';
    readonly events: string[] = [];
    override handleRetrieverStart(...seen: unknown[]) {
      this.events.push(`start ${JSON.stringify(seen)}`);
    }
    override handleRetrieverEnd(...seen: unknown[]) {
      this.events.push(`end ${JSON.stringify(seen)}`);
    }
    override handleRetrieverError(error: Error) {
      this.events.push(`error ${error.message}`);
    }
  }

  it('see the query and the documents, once, and never the token', async () => {
    const own = new Recorder();
    const ofRun = new Recorder();
    const retriever = new ClearanceRetriever({ retrieve: forAnne, callbacks: [own], tags: ['docs'] });
    await retriever.invoke('leave', { ...as('s3cret-token'), callbacks: [ofRun] });
    await expect(retriever.invoke('leave', { callbacks: [ofRun] })).rejects.toThrow(/clearance_token/);
    expect(own.events).toEqual(ofRun.events);
    expect(own.events).toEqual([
      expect.stringMatching(/^start .*"ClearanceRetriever".*"docs"/),
      expect.stringMatching(/^end .*"leave for anne"/),
      expect.stringMatching(/^start /),
      expect.stringMatching(/^error .*who is asking/),
    ]);
    expect(own.events.join()).not.toContain('s3cret');
  });

  it('of LangSmith get a token that is a string, as LangChain has it, but none in a function', async () => {
    expect(await traced('s3cret-token')).toContain('s3cret-token');
    expect(await traced(() => 's3cret-token')).not.toContain('s3cret-token');
  });
});
