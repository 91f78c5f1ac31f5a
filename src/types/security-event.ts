/** RFC 8935, section 2.4. */
export type SecurityEventError =
  | 'invalid_request'
  | 'invalid_key'
  | 'invalid_issuer'
  | 'invalid_audience'
  | 'authentication_failed';

/** Why a statement of an issuer's is not taken. */
export class SecurityEventRefusal extends Error {
  override readonly name = 'SecurityEventRefusal';
  readonly code: SecurityEventError;

  constructor(code: SecurityEventError, description: string) {
    super(description);
    this.code = code;
  }
}
