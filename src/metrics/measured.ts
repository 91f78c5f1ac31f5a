import type { AuditLog } from '../ports/audit.ts';
import type { Documents } from '../ports/documents.ts';
import type { Embeddings } from '../ports/embeddings.ts';
import type { Relationships } from '../ports/engine.ts';
import type { HandOvers } from '../ports/hand-overs.ts';
import type { Identity } from '../ports/identity.ts';
import type { Passages } from '../ports/passages.ts';
import type { CandidateIndex, CandidateSearch } from '../ports/search.ts';
import type { Sessions } from '../ports/sessions.ts';
import type { Meter } from './meter.ts';

// Each port with its calls timed; what comes and goes is untouched.

export function measuredIdentity(identity: Identity, { timed }: Meter): Identity {
  return {
    verify: (presented) => timed('authenticate', () => identity.verify(presented)),
    requireStanding: (credentials) => timed('authenticate', () => identity.requireStanding(credentials)),
  };
}

export function measuredSessions(sessions: Sessions, { timed }: Meter): Sessions {
  return {
    create: (session) => timed('session', () => sessions.create(session)),
    isOpen: (id, principal, now) => timed('session', () => sessions.isOpen(id, principal, now)),
    remembered: (id, principal, now) => timed('session', () => sessions.remembered(id, principal, now)),
    end: (id, principal) => timed('session', () => sessions.end(id, principal)),
    endAnyones: (tenant, id) => timed('session', () => sessions.endAnyones(tenant, id)),
  };
}

export function measuredIndex(index: CandidateIndex, meter: Meter): CandidateIndex {
  return {
    open: async (question, signal) =>
      measuredSearch(await meter.timed('search_open', () => index.open(question, signal)), meter),
    openDocument: async (asked) =>
      measuredSearch(await meter.timed('search_open', () => index.openDocument(asked)), meter),
  };
}

function measuredSearch(search: CandidateSearch, { timed }: Meter): CandidateSearch {
  return {
    ...search,
    next: (count) => timed('search_next', () => search.next(count)),
    within: (documents, k) => timed('search_passages', () => search.within(documents, k)),
  };
}

export function measuredAudit(audit: AuditLog, { timed }: Meter): AuditLog {
  return { append: (record) => timed('audit', () => audit.append(record)) };
}

export function measuredPassages(passages: Passages, meter: Meter): Passages {
  return {
    async read(tenant, chunks) {
      const texts = await meter.timed('release_read', () => passages.read(tenant, chunks));
      meter.withheld(Math.max(0, chunks.length - texts.length));
      return texts;
    },
  };
}

export function measuredHandOvers(handOvers: HandOvers, { timed }: Meter): HandOvers {
  return { confirm: (handOver) => timed('hand_over', () => handOvers.confirm(handOver)) };
}

export function measuredEmbeddings(embeddings: Embeddings, { timed }: Meter): Embeddings {
  return {
    ...embeddings,
    embed: (texts, signal) => timed('embeddings', () => embeddings.embed(texts, signal)),
  };
}

export function measuredRelationships(relationships: Relationships, { timed }: Meter): Relationships {
  return {
    write: (tenant, changes) => timed('relationships_write', () => relationships.write(tenant, changes)),
    ofObject: (tenant, object) => timed('relationships_read', () => relationships.ofObject(tenant, object)),
    ofRelation: (...asked) => timed('relationships_read', () => relationships.ofRelation(...asked)),
    mentioning: (tenant, object) =>
      timed('relationships_read', () => relationships.mentioning(tenant, object)),
    watermark: (tenant) => timed('relationships_read', () => relationships.watermark(tenant)),
  };
}

export function measuredDocuments(documents: Documents, { timed }: Meter): Documents {
  return {
    ...documents,
    stage: (tenant, owned, document, relationships) =>
      timed('stage', () => documents.stage(tenant, owned, document, relationships)),
    publish: (step) => timed('publish', () => documents.publish(step)),
  };
}
