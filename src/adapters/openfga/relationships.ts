import { isDeepStrictEqual } from 'node:util';
import type { Relationships, TupleChanges } from '../../ports/engine.ts';
import type { EngineStore, EngineStores } from '../../ports/engine-stores.ts';
import { ClearanceError } from '../../types/errors.ts';
import { type Tuple, type TupleCondition, tupleKey } from '../../types/tuple.ts';
import type { OpenFgaClient } from './client.ts';
import { inBatches } from './in-batches.ts';
import { OpenFgaUnusable } from './unusable.ts';
import { userForms } from './user-forms.ts';

/** Each time that others were faster, the tuples are read again. */
const MOST_ATTEMPTS = 5;

/** Relationships in an OpenFGA server. The watermark is the ledger's. */
export function openFgaRelationships(
  client: OpenFgaClient,
  stores: EngineStores,
): Omit<Relationships, 'watermark'> {
  const forms = new Map<string, ReturnType<typeof userForms>>();

  /** Read once for each pin: a model written later can't be in force here, nor do its tuples grant anything. */
  function formsOf({ storeId, modelId }: EngineStore): ReturnType<typeof userForms> {
    const pin = `${storeId} ${modelId}`;
    const held = forms.get(pin);
    if (held !== undefined) return held;
    const read = userForms(client, storeId).catch((error: unknown) => {
      forms.delete(pin);
      throw error;
    });
    forms.set(pin, read);
    return read;
  }

  /** What is read of a store that isn't there, as after the loss of OpenFGA's database, is empty and no error. */
  async function orNoStore(storeId: string, found: Tuple[]): Promise<Tuple[]> {
    if (found.length === 0) await client.requireStore(storeId);
    return found;
  }

  return {
    async write(tenant, changes) {
      const store = await stores.of(tenant);
      let left = changes;
      for (let attempt = 1; left.writes.length + left.deletes.length > 0; attempt++) {
        try {
          await client.write(store, left, 'strict');
          break;
        } catch (error) {
          if (!isOutdated(error)) throw asTheCallers(error);
          if (attempt === MOST_ATTEMPTS) throw error;
          left = await stillToDo(client, store, changes);
        }
      }
      return { written: left.writes.length, deleted: left.deletes.length };
    },

    async ofObject(tenant, object) {
      const { storeId } = await stores.of(tenant);
      return orNoStore(storeId, await client.read(storeId, { object }));
    },

    async ofRelation(tenant, { object, relation }, limit, signal) {
      const { storeId } = await stores.of(tenant);
      const found: Tuple[] = [];
      for await (const page of client.readPages(storeId, { object, relation }, signal)) {
        found.push(...page.slice(0, limit - found.length));
        if (found.length === limit) break;
      }
      return orNoStore(storeId, found);
    },

    async mentioning(tenant, object) {
      const store = await stores.of(tenant);
      const type = object.slice(0, object.indexOf(':'));
      const found = await inBatches((await formsOf(store)).get(type) ?? [], ({ objectType, relation }) =>
        client.read(store.storeId, {
          object: `${objectType}:`,
          user: relation === undefined ? object : `${object}#${relation}`,
        }),
      );
      return orNoStore(store.storeId, found.flat());
    },
  };
}

/** A tuple to write is there, or one to delete is not, or another write was at one of them: nothing was written. */
function isOutdated(error: unknown): error is OpenFgaUnusable {
  if (!(error instanceof OpenFgaUnusable)) return false;
  return error.httpStatus === 409 || error.reason === 'write_failed_due_to_invalid_input';
}

/** Any other 400 is about the tuples: what we don't check, such as the size of a condition's context. */
function asTheCallers(error: unknown): unknown {
  if (!(error instanceof OpenFgaUnusable) || error.httpStatus !== 400) return error;
  return new ClearanceError(
    'invalid_relationship',
    `OpenFGA refuses a relationship of this request (${error.reason ?? 'no reason given'}).`,
  );
}

/** Without the writes of what is there and the deletes of what is not. */
async function stillToDo(
  client: OpenFgaClient,
  { storeId }: EngineStore,
  { writes, deletes }: TupleChanges,
): Promise<TupleChanges> {
  const found = await inBatches([...writes, ...deletes], ({ user, relation, object }) =>
    client.read(storeId, { user, relation, object }),
  );
  const present = new Map(found.flat().map((tuple) => [tupleKey(tuple), tuple]));
  for (const tuple of writes) refuseOtherCondition(tuple, present.get(tupleKey(tuple)));
  return {
    writes: writes.filter((tuple) => !present.has(tupleKey(tuple))),
    deletes: deletes.filter((key) => present.has(tupleKey(key))),
  };
}

/** A tuple exists once, with one condition: writing it with another one would silently do nothing. */
function refuseOtherCondition(tuple: Tuple, present: Tuple | undefined): void {
  if (present === undefined) return;
  if (isDeepStrictEqual(normal(tuple.condition), normal(present.condition))) return;
  throw new ClearanceError(
    'invalid_relationship',
    `"${tuple.user} ${tuple.relation} ${tuple.object}" is there with another condition. Delete it first.`,
  );
}

/** As it comes back from OpenFGA: JSON, an absent context and an empty one the same. */
function normal(condition: TupleCondition | undefined): unknown {
  return condition && JSON.parse(JSON.stringify({ name: condition.name, context: condition.context ?? {} }));
}
