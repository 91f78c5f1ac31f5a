/** One decision. Names and numbers, never text: neither the query's nor a passage's. */
export type AuditRecord = {
  readonly tenant: string;
  readonly decisionId: string;
  readonly event:
    | 'retrieve'
    | 'read_document'
    /** After a record of the same decision: it was not released after all. */
    | 'withhold'
    | 'revalidate'
    | 'revoke'
    | 'write_document'
    | 'delete_document'
    | 'write_relationships'
    | 'write_agent'
    | 'delete_agent'
    | 'reconcile';
  readonly issuer: string;
  readonly subject: string;
  readonly actor?: string;
  readonly details: Readonly<Record<string, unknown>>;
};

export interface AuditLog {
  /** Resolves once the record is durable; rejects with `audit_unavailable`, and then nothing may be released. */
  append(record: AuditRecord): Promise<void>;
}

/** What `GET /v1/decisions/{id}` reads: a record by its random id, and no list of them. */
export interface Decisions {
  find(
    tenant: string,
    decisionId: string,
  ): Promise<(Omit<AuditRecord, 'tenant' | 'decisionId'> & { readonly at: Date }) | undefined>;
}
