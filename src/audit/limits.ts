/** Between two checkpoints of a tenant that something was written for. */
export const CHECKPOINT_MS = 5_000;
/** A segment takes no more records after this, by its writer's clock. */
export const SEGMENT_MS = 3_600_000;
/** For a write that was under way then: after this, by the store's clock, it is refused. */
export const SEGMENT_GRACE_MS = 300_000;
/** A segment of this age can't grow any more, whoever wrote it. */
export const SEGMENT_OVER_MS = SEGMENT_MS + 2 * SEGMENT_GRACE_MS;
/** Records of a segment. */
export const MAX_SEGMENT_RECORDS = 100_000;
