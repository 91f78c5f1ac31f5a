/** OpenFGA's names for why a question has no answer. */
export type EvaluationErrorCode =
  | 'validation_error'
  | 'invalid_tuple'
  | 'type_not_found'
  | 'relation_not_found'
  | 'resolution_too_complex';

/** A question that has no answer: ill-formed, too deep, or its condition could not be evaluated. */
export class EvaluationError extends Error {
  override readonly name = 'EvaluationError';
  readonly code: EvaluationErrorCode;

  constructor(code: EvaluationErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** A model that OpenFGA would refuse. */
export class ModelError extends Error {
  override readonly name = 'ModelError';
}
