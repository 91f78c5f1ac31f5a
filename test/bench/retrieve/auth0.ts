import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Asked, Found, Strategy } from './strategy.ts';

/** Its peers are older majors of what this project uses, so it is no dependency of it: `npm` puts it into a folder of its own. */
const NAME = '@auth0/ai-langchain';
const VERSION = '3.5.2';
const folder = join(import.meta.dirname, '../../../.bench');

type Document = { readonly pageContent: string; readonly metadata: Found & { readonly user: string } };
type Retriever = { invoke(query: string): Promise<readonly Document[]> };
type Auth0 = {
  FGARetriever: {
    create(
      args: {
        retriever: { _getRelevantDocuments(query: string): Promise<readonly Document[]> };
        buildQuery: (document: Document) => { user: string; relation: string; object: string };
      },
      client: object,
    ): Retriever;
  };
};

export type FgaServer = {
  readonly apiUrl: string;
  readonly token: string;
  readonly storeId: string;
  readonly modelId: string;
};

/** Its CommonJS build: the other one doesn't load in plain Node. */
function load(): Auth0 {
  if (!existsSync(join(folder, 'node_modules', NAME))) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
    execFileSync('npm', ['install', '--legacy-peer-deps', '--no-audit', '--no-fund', `${NAME}@${VERSION}`], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  const require = createRequire(join(folder, 'package.json'));
  return require(`${NAME}/RAG`) as Auth0;
}

/**
 * Auth0's FGA retriever around a search for the nearest passages: filters them, and looks for no more. One for all people, for each
 * new one would connect anew: the query carries who asks. It knows no API token, so `open` is the address of a server without.
 */
export function auth0(
  { storeId, modelId }: FgaServer,
  open: string,
  nearest: (query: string, limit: number) => Promise<readonly Found[]>,
): (top: number) => Strategy {
  const { FGARetriever } = load();
  return (top) => {
    const checks = new Map<string, number>();
    const retriever = FGARetriever.create(
      {
        retriever: {
          async _getRelevantDocuments(asked) {
            const { user, query } = JSON.parse(asked) as Asked;
            const found = await nearest(query, top);
            checks.set(asked, new Set(found.map(({ documentId }) => documentId)).size);
            return found.map((each) => ({ pageContent: each.text, metadata: { ...each, user } }));
          },
        },
        buildQuery: ({ metadata: { user, documentId } }) => ({
          user,
          relation: 'can_read',
          object: `document:${documentId}`,
        }),
      },
      {
        apiUrl: open,
        storeId,
        authorizationModelId: modelId,
        credentials: { method: 'none', config: {} },
      },
    );
    return {
      name: `Auth0, top ${top}`,
      score: 'dense',
      async ask({ user, query, k }) {
        const asked = JSON.stringify({ user, query });
        const documents = await retriever.invoke(asked);
        return {
          found: documents.slice(0, k).map(({ metadata }) => metadata),
          checks: checks.get(asked) ?? 0,
        };
      },
    };
  };
}
