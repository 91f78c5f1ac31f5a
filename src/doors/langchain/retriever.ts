import { Document } from '@langchain/core/documents';
import { BaseRetriever, type BaseRetrieverInput } from '@langchain/core/retrievers';
import { ensureConfig, type RunnableConfig } from '@langchain/core/runnables';
import type { RetrieveResponse } from '../../types/retrieval.ts';
import { callerOf } from './caller.ts';
import type { Retrieve } from './retrieve.ts';

export type ClearanceRetrieverFields = BaseRetrieverInput & {
  readonly retrieve: Retrieve;
  readonly k?: number;
  /** A condition on metadata, the same for every run. */
  readonly filter?: Record<string, unknown>;
  /** Documents come with ids alone, and `passageOf` gives the passage behind one: so traces hold no text. */
  readonly withholdText?: boolean;
};

/**
 * Passages that the person asking may read, as LangChain documents.
 *
 * Who is asking comes from each run's own configuration: `retriever.invoke(query, { configurable:
 * { clearance_token } })`, see `ClearanceConfigurable`. A run without it throws.
 *
 * LangChain hands retrieved documents, text and all, to every callback of the run, tracers included:
 * a trace store then holds text that its readers may not be allowed to read. With `withholdText` they hold ids alone; what your
 * own chain does with the text of `passageOf` afterwards, a prompt for one, is traced again.
 */
export class ClearanceRetriever extends BaseRetriever {
  static override lc_name(): string {
    return 'ClearanceRetriever';
  }

  override readonly lc_namespace = ['clearance', 'retrievers'];
  readonly #fields: ClearanceRetrieverFields;

  constructor(fields: ClearanceRetrieverFields) {
    const { callbacks, tags, metadata, verbose } = fields;
    super({
      ...(callbacks && { callbacks }),
      ...(tags && { tags }),
      ...(metadata && { metadata }),
      ...(verbose !== undefined && { verbose }),
    });
    this.#fields = fields;
  }

  /** `batch` and `stream` come through here too, each input with its own configuration. */
  override async invoke(query: string, options?: RunnableConfig): Promise<Document[]> {
    // What the caller left out is inherited from the run around this one, as everywhere in LangChain.
    const config = ensureConfig(options);
    return await new Run(this, this.#fields, config).invoke(query, config);
  }
}

/**
 * One run. `BaseRetriever` keeps the configuration from the method that retrieves, so each run is an
 * object of its own that holds it: two runs share nothing that could be mixed up.
 */
class Run extends BaseRetriever {
  static override lc_name(): string {
    return 'ClearanceRetriever';
  }

  override readonly lc_namespace = ['clearance', 'retrievers'];
  readonly #fields: ClearanceRetrieverFields;
  readonly #config: RunnableConfig;

  constructor(callbacks: BaseRetrieverInput, fields: ClearanceRetrieverFields, config: RunnableConfig) {
    super(callbacks);
    this.#fields = fields;
    this.#config = config;
  }

  override async _getRelevantDocuments(query: string): Promise<Document[]> {
    const { retrieve, k, filter, withholdText } = this.#fields;
    const { signal } = this.#config;
    const caller = await callerOf(this.#config);
    const response = await retrieve(
      { ...caller, query, ...(k !== undefined && { k }), ...(filter && { filter }) },
      signal ? { signal } : {},
    );
    return withholdText === true ? toReferences(response) : toDocuments(response);
  }
}

function toDocuments({ results, decision_id, complete }: RetrieveResponse): Document[] {
  return results.map(({ text, metadata, ...facts }) => {
    return new Document({
      id: facts.chunk_id,
      pageContent: text,
      // What Clearance knows wins over what whoever wrote the document called the same.
      metadata: { ...metadata, ...facts, decision_id, complete },
    });
  });
}

type Passage = RetrieveResponse['results'][number];

/** Not in the documents themselves, where whoever is handed them would see it. */
const passages = new WeakMap<Document, Passage>();

/** The passage behind a document of a retriever that withholds text. Undefined for any other document, a copy of one included. */
export function passageOf(document: Document): Passage | undefined {
  return passages.get(document);
}

function toReferences({ results, decision_id, complete }: RetrieveResponse): Document[] {
  return results.map((passage) => {
    const { document_id, chunk_id, version, score } = passage;
    const document = new Document({
      id: chunk_id,
      pageContent: '',
      metadata: { document_id, chunk_id, version, score, decision_id, complete, text_withheld: true },
    });
    passages.set(document, passage);
    return document;
  });
}
