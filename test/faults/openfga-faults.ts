import { setTimeout as sleep } from 'node:timers/promises';
import type { AnswerFault } from '../support/fault-proxy/answers.ts';
import { type Certificate, newAuthority } from '../support/fault-proxy/certificates.ts';
import { httpsImpostor, type Impostor } from '../support/fault-proxy/impostor.ts';
import type { WireFault } from '../support/fault-proxy/wire.ts';
import { operations } from './operations.ts';
import type { Fault } from './run.ts';
import {
  anothersAnswer,
  eachTwice,
  everyItemFailedWithAYes,
  isBatchCheck,
  noVerdicts,
  oneItemFailed,
  oneMissing,
} from './verdict-faults.ts';
import type { World } from './world.ts';

/** OpenFGA can't be used: nothing is released, and what can be kept is carried out later. */
const gone: Fault['expected'] = {
  retrieve: '503 engine_unavailable',
  'retrieve without rights': '503 engine_unavailable',
  'read a document': '503 engine_unavailable',
  'put a new document': '202 pending',
  'narrow its readers': '202 pending',
  'delete a document': '202 pending',
  'change relationships': '503 engine_unavailable',
  'start a session': '201',
  // A comparison of the last 10 s counts, until something has failed since.
  readyz: '503 engine_unavailable or 200',
};

/** Only verdicts are at fault: writing goes on. */
const noVerdict: Fault['expected'] = {
  retrieve: '503 engine_unavailable',
  'retrieve without rights': '503 engine_unavailable',
  'read a document': '503 engine_unavailable',
  'put a new document': '201',
  'narrow its readers': '200',
  'delete a document': '204',
  'change relationships': '200',
};

function onWire(name: string, fault: WireFault): Fault {
  return {
    name,
    expected: gone,
    begin: ({ openfga }) => openfga.wire.fail(fault),
    end: ({ openfga }) => openfga.wire.heal(),
  };
}

function inAnswers(name: string, fault: AnswerFault, expected = gone): Fault {
  return {
    name,
    expected,
    begin: async ({ openfga }) => openfga.answers.set(fault),
    end: async ({ openfga }) => openfga.answers.set(undefined),
  };
}

/** As a real one and what stands before it may say, and as no caller of ours may see. */
const said = JSON.stringify({ code: 'said_by_openfga', message: 'user:anne viewer document:secret' });

/** The server isn't asked. */
function instead(name: string, status: number, headers: Record<string, string> = {}, body = said): Fault {
  return inAnswers(name, { instead: { status, headers, body } });
}

function impostor(name: string, certificate: (world: World) => Certificate): Fault {
  let told: Impostor['told'] = [];
  return {
    name,
    expected: gone,
    async begin(world) {
      const impostor = httpsImpostor(certificate(world));
      told = impostor.told;
      await world.openfga.wire.fail({ kind: 'taken over', by: impostor.by });
    },
    async end({ openfga }) {
      await openfga.wire.heal();
      if (told.length > 0) throw new Error(`an impostor was told ${Buffer.concat(told).toString()}`);
    },
  };
}

/** Well-formed, and none of ours. */
const UNKNOWN = '01ARZ3NDEKTSV4RRFFQ69G5FAV';

const anotherModel: AnswerFault = {
  ask: ({ method, path, body }) => ({
    method,
    path: path.replace(/(?<=\/authorization-models\/)\w{26}/, UNKNOWN),
    body: body.replace(/(?<="authorization_model_id":")\w{26}/, UNKNOWN),
  }),
};

const elsewhere = (path: string) => path.replace(/(?<=\/stores\/)\w{26}/, UNKNOWN);

/** As after the loss of OpenFGA's database: it knows no store, and what is read of one that it doesn't know is empty. */
const noStore: AnswerFault = { ask: (asked) => ({ ...asked, path: elsewhere(asked.path) }) };

/** A real server says so where it is asked about the store itself, and answers all else as if the store were there. */
const deletedStore: AnswerFault = {
  ask: (asked) => (/\/stores\/\w{26}$/.test(asked.path) ? { ...asked, path: elsewhere(asked.path) } : asked),
};

const halfOfTheJson: AnswerFault = {
  answer: ({ status, headers, body }) => ({
    status,
    headers,
    body: body.slice(0, Math.ceil(body.length / 2)),
  }),
};

/** What another person's request was answered, as if it were the answer to every one. */
function anothers(name: string): Fault {
  let recorded = '';
  return {
    ...inAnswers(name, {}, noVerdict),
    async begin(world, slug) {
      const { answers } = world.openfga;
      answers.watch(({ path }, { body }) => {
        if (isBatchCheck(path)) recorded = body;
      });
      await operations.retrieve.run(world, slug);
      answers.watch(() => {});
      answers.set(anothersAnswer(recorded));
    },
  };
}

/** It shows only where the two sides are compared, once a second. */
function noticed(fault: Fault): Fault {
  return {
    ...fault,
    async begin(world, slug) {
      await fault.begin(world, slug);
      while ((await operations.retrieve.run(world, slug)).status === 200) await sleep(100);
    },
  };
}

export const verdictFaults = {
  none: inAnswers('an empty result map', noVerdicts, noVerdict),
  missing: inAnswers('a missing correlation id', oneMissing, noVerdict),
  duplicated: inAnswers('a duplicated correlation id', eachTwice, noVerdict),
  anothers: anothers("another request's correlation ids"),
  itemError: inAnswers('an item error', oneItemFailed, noVerdict),
  errorAndYes: inAnswers('item errors beside a yes', everyItemFailedWithAYes, noVerdict),
} as const;

/** One after another, on one service. */
export const quickFaults: readonly Fault[] = [
  ...Object.values(verdictFaults),
  onWire('connection refused', { kind: 'refused' }),
  inAnswers('reset in the middle of a body', { cut: true }),
  inAnswers('half a JSON document', halfOfTheJson),
  instead('429 with Retry-After 1800', 429, { 'retry-after': '1800' }),
  instead('500', 500),
  instead('503', 503),
  instead('an error object with 200', 200),
  instead('an HTML page with 200', 200, { 'content-type': 'text/html' }, '<html>Sign in</html>'),
  inAnswers('a model that vanished', anotherModel),
  inAnswers('a database that was lost', noStore),
  noticed(inAnswers('a store that was deleted', deletedStore)),
  impostor('a certificate of another authority', () => newAuthority().issue('127.0.0.1')),
  impostor('a certificate for another host', ({ authority }) => authority.issue('elsewhere.example')),
];

/** Each takes its time: on services of their own, all at once. */
export const slowFaults: readonly Fault[] = [
  onWire('accepted and silent', { kind: 'silent' }),
  onWire('10 s latency', { kind: 'late', ms: 10_000 }),
];
