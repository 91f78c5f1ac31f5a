import { resolve } from 'node:path';
import type { Config } from '../src/config.ts';

/** Set alike, `npm start` serves the data of this demo; what is at its default is left out. */
const DEFAULTS = { dataDir: '.clearance', host: '127.0.0.1', port: 8080 };

type Steps = { readonly as: string; readonly agent: string; readonly query: string; readonly k: number };

/** Commands to paste into a shell, as the service is configured: port, host and data folder. */
export function nextSteps({ dataDir, host, port }: Config, { as, agent, query, k }: Steps): string {
  // 0 is any free port, which nobody knows beforehand.
  const at = port === 0 ? DEFAULTS.port : port;
  const folder = dataDir === DEFAULTS.dataDir ? '' : `CLEARANCE_DATA_DIR=${quoted(resolve(dataDir))} `;
  const hostSetting = host === DEFAULTS.host ? '' : `HOST=${quoted(host)} `;
  const portSetting = port === DEFAULTS.port ? '' : `PORT=${at} `;
  const url = `http://${reachable(host)}:${at}`;
  const body = JSON.stringify({ query, k });
  return `Next, in this folder: start the service on these documents (ctrl-C ends it)

  ${folder}${hostSetting}${portSetting}npm start

and ask it from another terminal, over HTTP or by the command line:

  curl -s ${url}/v1/retrieve -H "Authorization: Bearer $(${folder}npx clearance token --as user:${as})" -H 'Content-Type: application/json' -d ${quoted(body)}

  ${folder}npx clearance ask ${quoted(query)} --as user:${as} --agent agent:${agent}
`;
}

/** An address to listen on, as one to connect to. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

function quoted(text: string): string {
  return /^[\w./:@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
