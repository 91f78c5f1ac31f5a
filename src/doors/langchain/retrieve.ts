import { clearanceClient } from '../../client/client.ts';
import type { RetrieveResponse } from '../../types/retrieval.ts';

/** Asks Clearance, in this process or another one: the one thing the retriever and the tool need. */
export type Retrieve = (
  request: {
    readonly token: string;
    readonly query: string;
    readonly k?: number;
    readonly session_id?: string;
    readonly filter?: Record<string, unknown>;
    readonly audience?: string[];
  },
  options: { readonly signal?: AbortSignal },
) => Promise<RetrieveResponse>;

/** A `Retrieve` that asks the service at `url`. */
export function remoteRetrieve(url: string): Retrieve {
  return async ({ token, ...request }, options) =>
    await clearanceClient({ url, token }).retrieve(request, options);
}
