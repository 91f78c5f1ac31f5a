import { isDeepStrictEqual } from 'node:util';
import { clearanceClient } from '../../src/client/client.ts';
import type { Config } from '../../src/config.ts';
import { remoteRetrieve } from '../../src/doors/langchain/index.ts';
import type { ReadPath } from '../../src/retrieve/retrieve.ts';
import { ClearanceError } from '../../src/types/errors.ts';
import type { RetrieveResponse } from '../../src/types/retrieval.ts';
import {
  type Asked,
  comparable,
  foundOf,
  inProcess,
  type ToldAsker,
  throughCommandLine,
  throughRetriever,
  throughTool,
} from '../support/doors.ts';
import type { Answer } from '../support/http.ts';
import { TRIES } from './answered.ts';
import type { Door } from './totals.ts';

/** The same question once more. Gives what HTTP would have given, or throws as the service refuses. */
type Again = {
  readonly door: Door;
  readonly ask: () => Promise<unknown>;
  readonly same: (of: RetrieveResponse) => unknown;
};

/** Every door but HTTP and the command line. */
export function throughEveryOther(asked: Asked, url: string, read: ReadPath): readonly Again[] {
  const [here, remote] = [inProcess(read), remoteRetrieve(url)];
  const { token, query, k, audience } = asked;
  const request = { query, k, ...(audience && { audience: [...audience] }) };
  const retriever = (way: typeof here) => ({
    ask: () => throughRetriever(way, asked),
    same: (response: RetrieveResponse) => foundOf(comparable(response)),
  });
  const tool = (way: typeof here) => ({
    ask: async () => comparable(await throughTool(way, asked)),
    same: comparable,
  });
  return [
    { door: 'retriever in process', ...retriever(here) },
    { door: 'retriever remote', ...retriever(remote) },
    { door: 'tool in process', ...tool(here) },
    { door: 'tool remote', ...tool(remote) },
    {
      door: 'client',
      ask: async () => comparable(await clearanceClient({ url, token }).retrieve(request)),
      same: comparable,
    },
  ];
}

export function throughCommand(config: Config, who: ToldAsker, asked: Asked): Again {
  return {
    door: 'command line',
    ask: async () => comparable(await throughCommandLine(config, who, asked)),
    same: comparable,
  };
}

/** What a door says otherwise than HTTP has, which was held against the oracle. */
export async function disagreement(
  { door, ask, same }: Again,
  { status, body }: Answer,
): Promise<string | undefined> {
  const expected = status === 200 ? same(body as RetrieveResponse) : { refused: body['code'] };
  const found = await said(ask);
  return isDeepStrictEqual(found, expected)
    ? undefined
    : `the ${door} says ${JSON.stringify(found)}, and HTTP ${JSON.stringify(expected)}`;
}

async function said(ask: () => Promise<unknown>): Promise<unknown> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ClearanceError)) throw error;
      if (error.status !== 503 || tries === TRIES) return { refused: error.code };
      console.warn(`503 ${error.code}, asked again`);
    }
  }
}
