import type { AuditRecord } from '../ports/audit.ts';
import type { TrailRecord } from '../types/audit-trail.ts';
import { hashOf } from './canonical.ts';

// OCSF 1.6.0 (https://schema.ocsf.io/1.6.0/classes/api_activity): each decision is a call of an API, by someone, on documents.

const VERSION = '1.6.0';
const APPLICATION_ACTIVITY = 6;
const API_ACTIVITY = 6003;
const INFORMATIONAL = 1;
const SUCCESS = 1;
const USER = 1;
const SERVICE = 4;

const names: Readonly<Record<number, string>> = { 2: 'Read', 3: 'Update', 4: 'Delete', 99: 'Other' };
const OTHER = 99;

const activityOf: Readonly<Record<AuditRecord['event'], number>> = {
  retrieve: 2,
  read_document: 2,
  write_document: 3,
  delete_document: 4,
  write_relationships: 3,
  write_agent: 3,
  delete_agent: 4,
  write_source: 3,
  delete_source: 4,
  exchange_token: OTHER,
  withhold: OTHER,
  revalidate: 2,
  revoke: OTHER,
  reconcile: OTHER,
  erase_name: 4,
};

/** `named` puts names in the place of pseudonyms; `uid` keeps what the trail has. */
export function ocsfEvent(record: TrailRecord, named: <T>(value: T) => T): Readonly<Record<string, unknown>> {
  const { tenant, segment, position, decision, event, at, agent, issuer, subject, chain, details } = record;
  const activity = new Map(Object.entries(activityOf)).get(event) ?? OTHER;
  const [asking] = chain;
  const documents = documentsIn(details);
  return {
    activity_id: activity,
    activity_name: names[activity],
    category_uid: APPLICATION_ACTIVITY,
    category_name: 'Application Activity',
    class_uid: API_ACTIVITY,
    class_name: 'API Activity',
    type_uid: API_ACTIVITY * 100 + activity,
    type_name: `API Activity: ${names[activity]}`,
    time: Date.parse(at),
    severity_id: INFORMATIONAL,
    severity: 'Informational',
    status_id: SUCCESS,
    status: 'Success',
    metadata: {
      version: VERSION,
      uid: decision,
      event_code: event,
      tenant_uid: tenant,
      sequence: position,
      original_time: at,
      log_name: segment,
      product: { name: 'Clearance', vendor_name: 'Clearance' },
    },
    actor: {
      user: { uid: subject, name: named(subject), type_id: subject.startsWith('agent:') ? SERVICE : USER },
      idp: { uid: issuer, name: issuer },
      ...(asking === undefined ? {} : { app_uid: asking, app_name: asking }),
    },
    api: { operation: event, service: { name: 'Clearance' } },
    // Addresses are not recorded: the agent that asks, or the issuer that vouches for who does.
    src_endpoint: { name: asking ?? issuer, type_id: 99, type: asking === undefined ? 'Issuer' : 'Agent' },
    ...(documents.length === 0
      ? {}
      : { resources: documents.map(({ uid, version }) => ({ uid, type: 'document', ...version })) }),
    unmapped: { agent, chain, position, segment, hash: hashOf(record), details: named(details) },
  };
}

/** Of what was released, each once; or the one that was written. */
function documentsIn({ released, documentId }: TrailRecord['details']) {
  if (typeof documentId === 'string') return [{ uid: documentId, version: {} }];
  const all = new Map<string, { readonly uid: string; readonly version: { readonly version?: string } }>();
  for (const each of Array.isArray(released) ? (released as unknown[]) : []) {
    if (typeof each !== 'object' || each === null || !('documentId' in each)) continue;
    const uid = String(each.documentId);
    all.set(uid, { uid, version: 'version' in each ? { version: String(each.version) } : {} });
  }
  return [...all.values()];
}
