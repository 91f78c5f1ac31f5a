import syntaxTransformer from '@openfga/syntax-transformer';
import { type Model, ModelError, modelFromDsl, modelFromJson, modelFromModules } from '../evaluator/model.ts';
import { besides, readText } from './read-referenced.ts';
import { StoreError } from './store-error.ts';

/** A model written in the store file itself. Throws `StoreError`. */
export function inlineModel(place: string, dsl: string): Model {
  return orStoreError(place, () => modelFromDsl(dsl));
}

/**
 * A model in a file of its own: modules where its name ends in `fga.mod`, JSON where it ends in
 * `json`, else the DSL. `place` is where it is named. Throws `StoreError`.
 */
export async function loadModel(place: string, file: string): Promise<Model> {
  const text = await readText(file, place);
  if (file.endsWith('fga.mod')) return loadModules(file, text);
  if (file.endsWith('json')) return orStoreError(file, () => modelFromJson(JSON.parse(text)));
  return orStoreError(file, () => modelFromDsl(text));
}

async function loadModules(file: string, text: string): Promise<Model> {
  const { schema, contents } = orStoreError(file, () => parseModFile(text));
  const modules = await Promise.all(
    contents.value.map(async ({ value: name }) => ({
      name,
      contents: await readText(besides(file, name), `${file}: contents`),
    })),
  );
  return orStoreError(file, () => modelFromModules(modules, schema.value));
}

/** Refuses, too, a module outside the folder of the `fga.mod`, and any schema but 1.2. */
function parseModFile(text: string) {
  try {
    return syntaxTransformer.transformer.transformModFileToJSON(text);
  } catch (cause) {
    throw new ModelError(cause instanceof Error ? cause.message.trim() : String(cause), { cause });
  }
}

function orStoreError<T>(place: string, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    if (!(cause instanceof ModelError || cause instanceof SyntaxError)) throw cause;
    throw new StoreError([`${place}: ${cause.message}`], { cause });
  }
}
