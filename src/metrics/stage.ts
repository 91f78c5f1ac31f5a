import type { ErrorCode } from '../types/errors.ts';

/** Where requests are refused: the steps of the read path, and what lies around them. */
export type Stage =
  | 'admission'
  | 'input'
  | 'authenticate'
  | 'session'
  | 'search'
  | 'enforce'
  | 'release'
  | 'store'
  | 'internal';

/** A code that comes from one stage only has one; `not_found` depends on what was looked for. */
export const stagesOf = {
  overloaded: ['admission'],
  rate_limited: ['admission'],
  invalid_request: ['input'],
  not_built_yet: ['input'],
  invalid_relationship: ['input'],
  invalid_document: ['input'],
  too_large: ['input'],
  unsupported_media_type: ['input'],
  unauthenticated: ['authenticate'],
  forbidden: ['authenticate'],
  agent_not_allowed: ['authenticate'],
  source_not_allowed: ['authenticate'],
  delegation_not_allowed: ['authenticate'],
  identity_unavailable: ['authenticate'],
  conflict: ['input'],
  session_full: ['session'],
  not_found: ['input', 'session', 'enforce'],
  invalid_filter: ['search'],
  embeddings_unavailable: ['search'],
  approval_required: ['enforce'],
  engine_unavailable: ['enforce'],
  audit_unavailable: ['release'],
  store_unavailable: ['store'],
  internal: ['internal'],
} as const satisfies Record<ErrorCode, readonly [Stage, ...Stage[]]>;

/** `route` is a template, as in `GET /v1/documents/:id`. */
export function stageOf(code: ErrorCode, route: string): Stage {
  if (code !== 'not_found') return stagesOf[code][0];
  if (route === 'POST /v1/retrieve' || /^\w+ \/v1\/sessions\/:id/.test(route)) return 'session';
  return route === 'GET /v1/documents/:id' ? 'enforce' : 'input';
}
