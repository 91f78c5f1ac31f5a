import type { Model } from '../evaluator/model.ts';
import { inlineModel, loadModel } from './load-model.ts';
import { besides, readText } from './read-referenced.ts';
import { type Store, type StoreTest, validGraph } from './store.ts';
import { StoreError } from './store-error.ts';
import { type StoreFile, type StoreFileTest, storeSchema } from './store-schema.ts';
import { parseTupleFile } from './tuple-file.ts';
import type { PlacedTuple } from './tuple-schema.ts';
import { YamlSource } from './yaml-source.ts';

/** Reads a store file (`*.fga.yaml`) and all the files it names. Throws `StoreError`. */
export async function loadStore(file: string): Promise<Store> {
  const source = new YamlSource(file, await readText(file));
  const content = source.read(storeSchema);
  const model = await modelOf(source, content);

  const shared = await tuplesOf(source, content, []);
  validGraph(model, shared);

  if (content.tests.length === 0) throw new StoreError([`${source.place(['tests'])}: has no tests`]);
  const tests: StoreTest[] = [];
  for (const [i, test] of content.tests.entries()) {
    const own = await tuplesOf(source, test, ['tests', i]);
    tests.push({
      name: test.name ?? `tests[${i}]`,
      graph: validGraph(model, [...shared, ...own]),
      check: test.check,
      listObjects: test.list_objects,
      listUsers: test.list_users,
    });
  }
  return { file, model, tests };
}

async function modelOf(source: YamlSource, content: StoreFile): Promise<Model> {
  if (content.model) return inlineModel(source.place(['model']), content.model);
  const file = besides(source.file, content.model_file ?? '');
  return loadModel(source.place(['model_file']), file);
}

/** The tuples written down at `path`, then those in the files named there. */
async function tuplesOf(
  source: YamlSource,
  { tuples, tuple_file, tuple_files }: StoreFile | StoreFileTest,
  path: readonly PropertyKey[],
): Promise<readonly PlacedTuple[]> {
  const inline = tuples.map((tuple, i) => ({ tuple, place: source.place([...path, 'tuples', i]) }));
  const references = [
    ...(tuple_file ? [{ name: tuple_file, place: source.place([...path, 'tuple_file']) }] : []),
    ...tuple_files.map((name, i) => ({ name, place: source.place([...path, 'tuple_files', i]) })),
  ];
  const files = await Promise.all(
    references.map(async ({ name, place }) => {
      const file = besides(source.file, name);
      return parseTupleFile(file, await readText(file, place));
    }),
  );
  return [...inline, ...files.flat()];
}
