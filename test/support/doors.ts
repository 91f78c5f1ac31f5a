import { vi } from 'vitest';
import type { Config } from '../../src/config.ts';
import { type Asker, parseAgents, parseAsker } from '../../src/doors/cli/arguments.ts';
import { ask } from '../../src/doors/cli/ask.ts';
import { ClearanceRetriever, clearanceTool, type Retrieve } from '../../src/doors/langchain/index.ts';
import { type ReadPath, retrieve } from '../../src/retrieve/retrieve.ts';
import type { RetrieveResponse } from '../../src/types/retrieval.ts';

/** One question, as every door is asked it. */
export type Asked = {
  readonly token: string;
  readonly query: string;
  readonly k: number;
  readonly audience?: readonly string[] | undefined;
};

/** What must be equal through every door; ids of sessions and decisions are new each time. */
export type Comparable = Pick<RetrieveResponse, 'complete' | 'certified' | 'watermark'> & {
  readonly shortfall: RetrieveResponse['shortfall'];
  readonly results: readonly Pick<
    RetrieveResponse['results'][number],
    'document_id' | 'chunk_id' | 'score' | 'version' | 'text'
  >[];
};

export function comparable({
  results,
  complete,
  shortfall,
  certified,
  watermark,
}: RetrieveResponse): Comparable {
  return {
    results: results.map(({ document_id, chunk_id, score, version, text }) => ({
      document_id,
      chunk_id,
      score,
      version,
      text,
    })),
    complete,
    shortfall,
    certified,
    watermark,
  };
}

/** What a retriever gives of an answer: where nothing is found, nothing says whether that is complete. */
export type Found = readonly (Comparable['results'][number] & { readonly complete: boolean })[];

export function foundOf({ results, complete }: Comparable): Found {
  return results.map((result) => ({ ...result, complete }));
}

/** The read path in this process. */
export function inProcess(read: ReadPath): Retrieve {
  return ({ token, ...request }) => retrieve(read, token, request);
}

export async function throughRetriever(way: Retrieve, { token, query, k, audience }: Asked): Promise<Found> {
  const documents = await new ClearanceRetriever({ retrieve: way, k }).invoke(query, {
    configurable: { clearance_token: () => token, ...(audience && { clearance_audience: audience }) },
  });
  return documents.map(({ pageContent: text, metadata }) => {
    const { document_id, chunk_id, score, version, complete } = metadata as Found[number];
    return { document_id, chunk_id, score, version, text, complete };
  });
}

export async function throughTool(
  way: Retrieve,
  { token, query, k, audience }: Asked,
): Promise<RetrieveResponse> {
  const call = { type: 'tool_call' as const, id: 'call', name: 'search_documents', args: { query, k } };
  const message = await clearanceTool({ retrieve: way }).invoke(call, {
    configurable: { clearance_token: () => token, ...(audience && { clearance_audience: audience }) },
  });
  return (message as { artifact: RetrieveResponse }).artifact;
}

/** As `clearance ask` is told who asks: in the default tenant, with agents that an issuer names. */
export type ToldAsker = { readonly as: string; readonly agents: readonly string[] };

/** `clearance ask … --json` in this process: all of the command but commander and a process of its own. */
export async function throughCommandLine(
  config: Config,
  { as, agents }: ToldAsker,
  { query, k, audience }: Omit<Asked, 'token'>,
): Promise<RetrieveResponse> {
  const asker: Asker = parseAsker(as);
  const chain = agents.reduce<readonly string[]>((before, agent) => parseAgents(agent, before), []);
  const print = vi.spyOn(console, 'log').mockImplementation(() => {});
  try {
    await ask(config, query, {
      as: asker,
      ...(chain.length > 0 && { agent: chain }),
      ...(audience && { audience: [...audience] }),
      k,
      json: true,
    });
    const [printed] = print.mock.calls.at(-1) ?? [];
    return JSON.parse(String(printed)) as RetrieveResponse;
  } finally {
    print.mockRestore();
  }
}
