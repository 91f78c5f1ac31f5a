import {
  type BatchCheckRequest,
  ConsistencyPreference,
  type ListObjectsRequest,
  type WriteRequest,
  WriteRequestDeletesOnMissing,
  WriteRequestWritesOnDuplicate,
} from '@openfga/sdk';
import type { Check, TupleChanges } from '../../ports/engine.ts';
import type { EngineStore } from '../../ports/engine-stores.ts';
import type { Tuple, TupleKey } from '../../types/tuple.ts';

export type ChecksRequest = {
  readonly checks: readonly Check[];
  readonly context?: Readonly<Record<string, unknown>> | undefined;
  readonly contextualTuples?: readonly Tuple[] | undefined;
  /** OpenFGA's default may answer from a cache: for the probe alone. */
  readonly consistency?: ConsistencyPreference;
};

/** `strict`: refused where a tuple to write is there already, or one to delete is not. */
export type WriteMode = 'strict' | 'lenient';

export function batchCheckBody(
  { modelId }: EngineStore,
  { checks, context, contextualTuples, consistency }: ChecksRequest,
): BatchCheckRequest {
  return {
    authorization_model_id: modelId,
    consistency: consistency ?? ConsistencyPreference.HigherConsistency,
    checks: checks.map(({ correlationId, user, relation, object }) => ({
      correlation_id: correlationId,
      tuple_key: { user, relation, object },
      ...(context === undefined ? {} : { context }),
      ...(contextualTuples === undefined
        ? {}
        : { contextual_tuples: { tuple_keys: contextualTuples.map(withCondition) } }),
    })),
  };
}

export type ListRequest = {
  readonly contextualTuples?: readonly Tuple[];
  readonly user: string;
  readonly relation: string;
  readonly type: string;
  readonly context: Readonly<Record<string, unknown>>;
};

export function listBody(
  { modelId }: EngineStore,
  { contextualTuples, ...request }: ListRequest,
): ListObjectsRequest {
  return {
    ...request,
    ...(contextualTuples === undefined
      ? {}
      : { contextual_tuples: { tuple_keys: contextualTuples.map(withCondition) } }),
    authorization_model_id: modelId,
    consistency: ConsistencyPreference.HigherConsistency,
  };
}

/** OpenFGA refuses a list that is there and empty. */
export function writeBody(
  { modelId }: EngineStore,
  { writes, deletes }: TupleChanges,
  mode: WriteMode,
): WriteRequest {
  const [onDuplicate, onMissing] =
    mode === 'strict'
      ? [WriteRequestWritesOnDuplicate.Error, WriteRequestDeletesOnMissing.Error]
      : [WriteRequestWritesOnDuplicate.Ignore, WriteRequestDeletesOnMissing.Ignore];
  return {
    authorization_model_id: modelId,
    ...(writes.length === 0
      ? {}
      : { writes: { tuple_keys: writes.map(withCondition), on_duplicate: onDuplicate } }),
    ...(deletes.length === 0 ? {} : { deletes: { tuple_keys: deletes.map(keyOf), on_missing: onMissing } }),
  };
}

function keyOf({ user, relation, object }: TupleKey): TupleKey {
  return { user, relation, object };
}

function withCondition(tuple: Tuple) {
  const { condition } = tuple;
  return condition === undefined ? keyOf(tuple) : { ...keyOf(tuple), condition };
}
