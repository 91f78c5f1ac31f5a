import type { Principal } from '../types/principal.ts';

/** One decision. Names and numbers, never text: neither the query's nor a passage's. */
export type AuditRecord = {
  readonly tenant: string;
  readonly decisionId: string;
  readonly event:
    | 'retrieve'
    | 'read_document'
    /** After a record of the same decision: it was not released, or not done, after all. */
    | 'withhold'
    | 'revalidate'
    | 'revoke'
    | 'write_document'
    | 'delete_document'
    | 'write_relationships'
    | 'write_agent'
    | 'delete_agent'
    | 'write_source'
    | 'delete_source'
    | 'exchange_token'
    | 'reconcile'
    | 'erase_name';
  readonly issuer: string;
  readonly subject: string;
  /** The agents that it went through, the one that asked first; empty where a person did so directly. */
  readonly chain: readonly string[];
  readonly details: Readonly<Record<string, unknown>>;
};

/** Who a record is about, of a verified token. */
export function whoOf({
  tenant,
  issuer,
  subject,
  chain,
}: Principal): Pick<AuditRecord, 'tenant' | 'issuer' | 'subject' | 'chain'> {
  return { tenant, issuer, subject, chain };
}

export interface AuditLog {
  /** Resolves once the record is durable; rejects with `audit_unavailable`, and then nothing may be released. */
  append(record: AuditRecord): Promise<void>;
}

type Decided = Omit<AuditRecord, 'event' | 'details'>;

/** Of what was put down as done, and is not. */
export function withheld(decision: Decided): AuditRecord {
  return { ...decision, event: 'withhold', details: {} };
}

/** Where not even that can be put down, the reason why it is not done is what to tell. */
export async function takeBack(audit: AuditLog, decision: Decided): Promise<void> {
  await audit.append(withheld(decision)).catch(() => {});
}

export type Decision = Omit<AuditRecord, 'tenant' | 'decisionId'> & {
  readonly at: Date;
  /** Whether a later record took it back. */
  readonly withheld: boolean;
};

/** What `GET /v1/decisions/{id}` reads: a decision by its random id, and no list of them. */
export interface Decisions {
  /** People by their names, where these are still known. */
  find(tenant: string, decisionId: string): Promise<Decision | undefined>;
}
