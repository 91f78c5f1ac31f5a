import { z } from 'zod';
import { ClearanceError } from '../types/errors.ts';
import type { Presented } from '../types/presented.ts';
import { readersOf } from '../types/principal.ts';
import { authenticate } from './authenticate.ts';
import { enforce } from './enforce.ts';
import { inTime } from './in-time.ts';
import { type Occasion, release } from './release.ts';
import type { ReadPath } from './retrieve.ts';
import { stopwatch } from './stopwatch.ts';

const DEADLINE_MS = 10_000;

export const documentResponse = z.object({
  document_id: z.string(),
  title: z.string(),
  version: z.int(),
  metadata: z.record(z.string(), z.unknown()),
  source_url: z.string().optional(),
  /** The whole text, in order. */
  passages: z.array(z.object({ chunk_id: z.string(), text: z.string() })),
  decision_id: z.string(),
});
export type DocumentResponse = z.infer<typeof documentResponse>;

/** One whole document, by the same steps as a search. Absent, hidden and forbidden are one and the same 404, and so is what its agent is never to use. */
export function readDocument(
  path: ReadPath,
  presented: Presented | undefined,
  id: string,
): Promise<DocumentResponse> {
  return inTime((late) => inOrder(path, presented, id, late));
}

async function inOrder(
  path: ReadPath,
  presented: Presented | undefined,
  id: string,
  late: AbortSignal,
): Promise<DocumentResponse> {
  const { lap, durations } = stopwatch();
  const credentials = await authenticate(path.identity, presented, 'retrieve');
  const { principal } = credentials;
  lap('authenticate');
  const { tenant } = principal;
  const document = await path.index.openDocument({ tenant, readers: readersOf(principal), id });
  lap('search');
  const clearance = await enforce(path, principal, document, 1, AbortSignal.timeout(DEADLINE_MS));
  lap('enforce');
  const occasion: Occasion = {
    event: 'read_document',
    credentials,
    details: { route: document.route().name, milliseconds: durations },
  };
  const { passages, shortfall } = await release(path, clearance, occasion, late);

  if (shortfall === 'approval_required') {
    throw new ClearanceError(
      'approval_required',
      'The agent may not use this document by itself, and nobody has approved it. Nothing was released.',
    );
  }
  const first = passages[0]?.content;
  if (first === undefined || shortfall !== undefined)
    throw new ClearanceError('not_found', 'No such document.');
  path.watch?.(clearance);
  return {
    document_id: first.documentId,
    title: first.title,
    version: first.version,
    metadata: first.metadata,
    ...(first.sourceUrl === undefined ? {} : { source_url: first.sourceUrl }),
    passages: passages.map(({ content }) => ({ chunk_id: content.chunkId, text: content.text })),
    decision_id: clearance.decisionId,
  };
}
