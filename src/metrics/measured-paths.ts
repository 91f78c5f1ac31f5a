import type { WritePath } from '../../ingest/ingest.ts';
import type { ReadPath } from '../retrieve/retrieve.ts';
import {
  measuredAudit,
  measuredDocuments,
  measuredHandOvers,
  measuredIdentity,
  measuredIndex,
  measuredPassages,
  measuredRelationships,
  measuredSessions,
} from './measured.ts';
import { measuredEngine } from './measured-engine.ts';
import type { Meter } from './meter.ts';

export function measuredRead(path: ReadPath, meter: Meter): ReadPath {
  return {
    ...path,
    identity: measuredIdentity(path.identity, meter),
    sessions: measuredSessions(path.sessions, meter),
    index: measuredIndex(path.index, meter),
    engine: measuredEngine(path.engine, meter),
    relationships: {
      watermark: (tenant) => meter.timed('relationships_read', () => path.relationships.watermark(tenant)),
    },
    audit: measuredAudit(path.audit, meter),
    passages: measuredPassages(path.passages, meter),
    handOvers: measuredHandOvers(path.handOvers, meter),
  };
}

/** But for the embeddings, which the search has too: they are measured where they are chosen. */
export function measuredWrite(path: WritePath, meter: Meter): WritePath {
  return {
    ...path,
    documents: measuredDocuments(path.documents, meter),
    relationships: measuredRelationships(path.relationships, meter),
    audit: measuredAudit(path.audit, meter),
  };
}
