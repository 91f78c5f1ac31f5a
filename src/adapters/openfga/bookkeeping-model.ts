import { modelFromDsl } from '../../evaluator/model.ts';

/**
 * `generation` is `generations.ts`'s, the rest the probe's. No relation leads back to itself but through tuples:
 * OpenFGA's new check algorithm falls back to the old one for such a model, and would then not be noticed.
 */
export const bookkeepingModel = modelFromDsl(`
model
  schema 1.1
type user
type tenant
type generation
  relations
    define of: [tenant]
type group
  relations
    define member: [user, group#member]
type probe
  relations
    define viewer: [user, user:*, group#member]
    define barred: [user, user:*, group#member]
    define cleared: [user, user:*]
    define admitted: viewer but not barred
    define both: viewer and cleared
    define parent: [probe]
    define inherited: viewer from parent
`).json;

/** `blocked` leads back to `admitted`. A model of its own, for the reason above. */
export const loopModel = modelFromDsl(`
model
  schema 1.1
type user
type loop
  relations
    define admitted: [user] but not blocked
    define blocked: [user, loop#admitted]
`).json;
