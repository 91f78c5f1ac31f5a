import { tool } from '@langchain/core/tools';
import { z } from 'zod';
import { MAX_K, MAX_QUERY_LENGTH, type RetrieveResponse } from '../../types/retrieval.ts';
import { callerOf } from './caller.ts';
import type { Retrieve } from './retrieve.ts';

export type ClearanceToolFields = {
  readonly retrieve: Retrieve;
  /** What the model calls it by. */
  readonly name?: string;
  /** What the model is told it finds: name your documents here. */
  readonly description?: string;
  /** A condition on metadata, the same for every call. */
  readonly filter?: Record<string, unknown>;
};

/** All that a model may say. Strict: an argument that names a person is refused, and the model told so. */
const schema = z.strictObject({
  query: z.string().trim().min(1).max(MAX_QUERY_LENGTH).describe('What to look for, in plain words'),
  k: z.int().min(1).max(MAX_K).optional().describe('How many passages to return at most'),
});

/**
 * A tool with which a model searches what the person asking may read. The model gets the passages; the
 * whole answer, with its decision id, is the message's artifact.
 *
 * Who is asking comes from the run's configuration (`ClearanceConfigurable`) and a call without it throws.
 * LangChain hands a tool's output, text and all, to every callback of the run, tracers included.
 */
export function clearanceTool({
  retrieve,
  name = 'search_documents',
  description = 'Searches the documents that the person you are helping may read, and returns passages of them.',
  filter,
}: ClearanceToolFields) {
  return tool(
    async ({ query, k }, config): Promise<[string, RetrieveResponse]> => {
      const caller = await callerOf(config);
      const response = await retrieve(
        { ...caller, query, ...(k !== undefined && { k }), ...(filter && { filter }) },
        config.signal ? { signal: config.signal } : {},
      );
      return [toContent(response), response];
    },
    { name, description, schema, responseFormat: 'content_and_artifact' },
  );
}

/** JSON, so that the text of one passage can't pose as the title or source of another. Each says where it comes from. */
function toContent({ results }: RetrieveResponse): string {
  return JSON.stringify(
    results.map(({ document_id, version, chunk_id, title, source_url, text }) => ({
      document_id,
      version,
      chunk_id,
      title,
      ...(source_url && { source_url }),
      text,
    })),
  );
}
