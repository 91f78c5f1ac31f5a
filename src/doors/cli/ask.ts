import { clearanceClient } from '../../client/client.ts';
import { openService } from '../../compose.ts';
import type { Config } from '../../config.ts';
import { developmentToken } from '../../operator.ts';
import { retrieve } from '../../retrieve/retrieve.ts';
import type { RetrieveRequest, RetrieveResponse, Shortfall } from '../../types/retrieval.ts';
import type { Asker } from './arguments.ts';
import { findService } from './running-service.ts';

type AskOptions = {
  readonly as: Asker;
  readonly agent?: readonly string[];
  readonly audience?: string[];
  readonly k: number;
  readonly json?: true;
};

const TOKEN_SECONDS = 60;

export async function ask(
  config: Config,
  question: string,
  { as, agent, audience, k, json }: AskOptions,
): Promise<void> {
  const token = await developmentToken(config, {
    ...as,
    scopes: ['retrieve'],
    lifetime: TOKEN_SECONDS,
    ...(agent === undefined ? {} : { actor: agent }),
  });
  const answer = await answerTo(config, token, { query: question, k, ...(audience && { audience }) });
  console.log(json === true ? JSON.stringify(answer, null, 2) : readable(answer));
}

async function answerTo(config: Config, token: string, request: RetrieveRequest): Promise<RetrieveResponse> {
  const url = await findService(config.dataDir);
  if (url !== undefined) return clearanceClient({ url, token }).retrieve(request);
  const service = await openService(config, () => {});
  try {
    return await retrieve(service.read, token, request);
  } finally {
    await service.close();
  }
}

const missing: Record<Shortfall, string> = {
  budget_of_checks: 'the search stopped at its limit',
  document_changed: 'something changed meanwhile; ask again',
  audience_too_large: 'the audience is too large',
  approval_required: 'the agent may not use some of it without approval',
};

function readable({ results, complete, shortfall }: RetrieveResponse): string {
  const passages = results.map(
    ({ score, title, document_id, text }) =>
      `${score.toFixed(3)}  ${title}  [${document_id}]\n${indented(text)}`,
  );
  const end = complete ? '' : `\n(There may be more: ${missing[shortfall ?? 'budget_of_checks']}.)`;
  return `${passages.length === 0 ? 'Nothing that may be read.' : passages.join('\n\n')}${end}`;
}

function indented(text: string): string {
  const short = text.length > 400 ? `${text.slice(0, 400)} …` : text;
  return short.replaceAll(/^/gm, '       ');
}
