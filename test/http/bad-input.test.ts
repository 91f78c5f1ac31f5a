import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, type Http, type Sent, serveHttp } from '../support/http.ts';
import { aProblem, problemOf } from '../support/problem.ts';
import { put, writer } from '../support/seed.ts';
import { openTestService, type TestService } from '../support/service.ts';

let service: TestService;
let http: Http;
let tokens: Record<'anne' | 'ingest' | 'admin', string>;

beforeAll(async () => {
  service = await openTestService();
  http = await serveHttp(service);
  tokens = {
    anne: await service.token('anne'),
    ingest: await service.token('loader', { scopes: ['ingest'], source: 'wiki' }),
    admin: await service.token('root', { scopes: ['admin'] }),
  };
  await put(service.write, await writer(service), 'known', 'A known document.', ['user:anne'], {
    year: 2024,
  });
});
afterAll(async () => {
  await http.close();
  await service.close();
});

const nested = (depth: number, open: string, close: string, inside = '1') =>
  open.repeat(depth) + inside + close.repeat(depth);
const NUL = 'a\u0000b';
const HALF = 'a\ud800b';

type Row = readonly [name: string, request: unknown, detail: RegExp, code?: string, status?: number];
const cases = (rows: readonly Row[], usual: string) =>
  rows.map(([name, request, detail, code = usual, status = 400]) => ({
    name,
    request,
    detail,
    code,
    status,
  }));

describe('POST /v1/retrieve', () => {
  const rows: Row[] = [
    ['no query', {}, /query/],
    ['an empty query', { query: '' }, /query.*empty/],
    ['a query of spaces', { query: ' \n ' }, /query.*empty/],
    ['a query of 10,000 characters', { query: 'x'.repeat(10_000) }, /query.*8000 characters/],
    ['a query that is a number', { query: 5 }, /query/],
    ['a query that is a list', { query: ['a'] }, /query/],
    ['a query with NUL', { query: NUL }, /query.*NUL/],
    ['a query with half a surrogate pair', { query: HALF }, /query.*surrogate/],
    ['k of 0', { query: 'a', k: 0 }, /k: /],
    ['k of -1', { query: 'a', k: -1 }, /k: /],
    ['k of 51', { query: 'a', k: 51 }, /k: .*50/],
    ['k of "5"', { query: 'a', k: '5' }, /k: .*number/],
    ['k of 1.5', { query: 'a', k: 1.5 }, /k: .*int/],
    ['k of null', { query: 'a', k: null }, /k: /],
    ['k of 1e400', '{"query":"a","k":1e400}', /k: /],
    ['a body that is a list', [], /object/],
    ['a body that is a string', '"a"', /object/],
    ['a body of null', 'null', /object/],
    ['an empty body', '', /JSON|object/],
    ['malformed JSON', '{"query": "a"', /not valid JSON/],
    ['JSON with a comment', '{"query": "a"} // k', /not valid JSON/],
    ['a key __proto__', '{"query": "a", "__proto__": {"k": 5}}', /JSON|__proto__/],
    ['invalid UTF-8', Buffer.from('{"query": "\xff\xfe"}', 'latin1'), /UTF-8/],
    ['a field that nobody knows', { query: 'a', limit: 3 }, /limit/],
    ['mode', { query: 'a', mode: 'deep' }, /mode/, 'not_built_yet'],
    ['an empty audience', { query: 'a', audience: [] }, /audience/],
    ['an audience of everyone', { query: 'a', audience: ['user:*'] }, /everyone/],
    [
      'an audience of too many groups',
      { query: 'a', audience: Array.from({ length: 11 }, (_, i) => `group:${i}#member`) },
      /more than 10 groups/,
    ],
    ['an audience that is no id', { query: 'a', audience: ['anne'] }, /must look like user:anne/],
    ['an audience of a list', { query: 'a', audience: [['user:anne']] }, /audience/],
    [
      'an endless audience',
      { query: 'a', audience: Array.from({ length: 101 }, (_, i) => `user:${i}`) },
      /audience/,
    ],
    ['mode, although it is null', { query: 'a', mode: null }, /mode/, 'not_built_yet'],
    ['a session id that is empty', { query: 'a', session_id: '' }, /session_id/],
    ['a session id that is too long', { query: 'a', session_id: 'x'.repeat(101) }, /session_id/],
    ['a session id that is an object', { query: 'a', session_id: {} }, /session_id/],
    ['a session id with NUL', { query: 'a', session_id: NUL }, /No such session/, 'not_found', 404],
    [
      'a session id that nobody has',
      { query: 'a', session_id: "' OR true --" },
      /No such session/,
      'not_found',
      404,
    ],
    ['a filter that is a string', { query: 'a', filter: 'year = 2024' }, /filter/],
    [
      'a filter of 10,000 levels',
      `{"query":"a","filter":${nested(10_000, '{"not":', '}', '{"year":{"eq":1}}')}}`,
      /deeper than 10/,
      'invalid_filter',
    ],
    ['a filter that is a list', { query: 'a', filter: [] }, /filter/],
  ];
  const filters: Row[] = [
    ['an empty filter', {}, /filter is empty/],
    ['an unknown field', { colour: { eq: 'red' } }, /colour/],
    ['an unknown operator', { year: { like: '20%' } }, /year.*like/],
    ['no operator', { year: {} }, /year.*eq, in, gte, lte/],
    ['a bare value', { year: 2024 }, /year/],
    ['an empty list', { year: { in: [] } }, /year.*in/],
    ['too long a list', { year: { in: Array.from({ length: 101 }, (_, i) => i) } }, /year.*in/],
    ['an order on booleans', { year: { gte: true } }, /year.*gte/],
    ['null', { year: { eq: null } }, /year.*eq/],
    ['an operator with nothing in it', { and: [] }, /and.*list/],
    ['an operator with an object in it', { or: { year: { eq: 1 } } }, /or.*list/],
    ['not with a list', { not: [{ year: { eq: 1 } }] }, /not.*object/],
    ['a name that is SQL', { "year'; DROP TABLE documents --": { eq: 1 } }, /no field name/],
    ['NUL in a value', { year: { eq: NUL } }, /year.*NUL/],
    ['NUL in a list', { year: { in: ['a', NUL] } }, /year.*NUL/],
    ['NUL in an order', { year: { gte: NUL } }, /year.*NUL/],
    ['half a surrogate pair in a value', { year: { eq: HALF } }, /year.*surrogate/],
    ['a very long value', { year: { eq: 'x'.repeat(1_001) } }, /year.*eq/],
    [
      'too many comparisons',
      { or: Array.from({ length: 51 }, () => ({ year: { eq: 1 } })) },
      /50 comparisons/,
    ],
  ];
  const all = [
    ...rows,
    ...filters.map(
      ([name, filter, detail]): Row => [
        `a filter with ${name}`,
        { query: 'a', filter },
        detail,
        'invalid_filter',
      ],
    ),
  ];

  it.each(cases(all, 'invalid_request'))('refuses $name', async ({ request, detail, code, status }) => {
    expect(problemOf(await http.send('POST', '/v1/retrieve', withBody(tokens.anne, request)))).toEqual(
      aProblem(status, code, detail),
    );
  });

  it('takes what is odd but right', async () => {
    for (const json of [
      { query: '!!!' },
      { query: 'the of and' },
      { query: "Robert'); DROP TABLE documents; --" },
      { query: '\u{1F600} \u200B' },
      { query: 'x'.repeat(8_000) },
      { query: Array.from({ length: 1_300 }, (_, i) => `w${i}`).join(' '), k: 50 },
      { query: 'known', filter: { year: { gte: -1e308 } } },
      { query: 'known', filter: { year: { eq: '\\u0000' } } },
      { query: 'known', filter: JSON.parse(nested(9, '{"not":', '}', '{"year":{"eq":1}}')) as unknown },
    ]) {
      const answer = await http.send('POST', '/v1/retrieve', { token: tokens.anne, json });
      expect({ json, status: answer.status, detail: answer.body.detail }).toEqual({ json, status: 200 });
    }
  });
});

const withBody = (token: string, request: unknown): Sent =>
  typeof request === 'string' || Buffer.isBuffer(request)
    ? { token, raw: request, headers: { 'content-type': 'application/json' } }
    : { token, json: request };

const good = { title: 'T', text: 'Text.' };

describe('PUT /v1/documents/{id}', () => {
  const rows: Row[] = [
    ['no title', { text: 'Text.' }, /title/],
    ['an empty title', { ...good, title: ' ' }, /title.*empty/],
    ['a title that is too long', { ...good, title: 'x'.repeat(1_001) }, /title.*1,000/],
    ['no text', { title: 'T' }, /text/],
    ['a text of 0 bytes', { ...good, text: '' }, /text.*empty/],
    ['a text of spaces', { ...good, text: ' \n\t' }, /text.*empty/],
    ['a text above the limit', { ...good, text: 'word '.repeat(1_048_577) }, /text.*5242880 bytes/],
    ['a text with NUL', { ...good, text: NUL }, /text.*NUL/],
    ['a text with half a surrogate pair', { ...good, text: HALF }, /text.*surrogate/],
    ['a text that is a number', { ...good, text: 5 }, /text/],
    ['a title with NUL', { ...good, title: NUL }, /title.*NUL/],
    ['invalid UTF-8', Buffer.from('{"title":"T","text":"\xc3\x28"}', 'latin1'), /UTF-8/, 'invalid_request'],
    ['malformed JSON', '{"title":', /not valid JSON/, 'invalid_request'],
    ['metadata that is a list', { ...good, metadata: [] }, /metadata/],
    ['metadata named like an operator', { ...good, metadata: { and: 1 } }, /metadata/],
    ['metadata with a space in a name', { ...good, metadata: { 'a b': 1 } }, /metadata/],
    ['metadata with NUL', { ...good, metadata: { a: NUL } }, /metadata.*NUL/],
    ['metadata with half a surrogate pair', { ...good, metadata: { a: [HALF] } }, /metadata.*surrogate/],
    ['metadata that is too large', { ...good, metadata: { a: 'x'.repeat(70_000) } }, /metadata.*65536 bytes/],
    [
      'metadata of 20,000 levels',
      `{"title":"T","text":"Text.","metadata":{"a":${nested(20_000, '[', ']')}}}`,
      /metadata/,
    ],
    ['a source_url that is no URL', { ...good, source_url: 'here' }, /source_url/],
    ['a source_url that is a script', { ...good, source_url: 'javascript:alert(1)' }, /source_url/],
    ['a field that nobody knows', { ...good, txt: 'a' }, /txt/],
    ['an id in the body', { ...good, id: 'other' }, /id/],
    ['relationships that are an object', { ...good, relationships: {} }, /relationships/],
    [
      'a relationship with an object of its own',
      { ...good, relationships: [{ user: 'user:a', relation: 'viewer', object: 'folder:x' }] },
      /object/,
    ],
    [
      'a user with NUL',
      { ...good, relationships: [{ user: 'user:\u0000', relation: 'viewer' }] },
      /relationships\.0\.user.*NUL/,
    ],
    [
      'a user with half a surrogate pair',
      { ...good, relationships: [{ user: `user:${HALF}`, relation: 'viewer' }] },
      /relationships\.0\.user.*surrogate/,
    ],
    [
      '101 relationships',
      {
        ...good,
        relationships: Array.from({ length: 101 }, (_, i) => ({ user: `user:${i}`, relation: 'viewer' })),
      },
      /relationships/,
    ],
  ];
  const relationships: Row[] = [
    ['an unknown relation', { user: 'user:a', relation: 'reader' }, /reader.*owner, editor, viewer/],
    [
      'an unknown type',
      { user: 'person:a', relation: 'viewer' },
      /person.*user, agent, group, folder, document/,
    ],
    ['a user without a type', { user: 'anne', relation: 'viewer' }, /user/],
    ['a user with a space', { user: 'user:an ne', relation: 'viewer' }, /user/],
    ['a user that is too long', { user: `user:${'x'.repeat(600)}`, relation: 'viewer' }, /too long/],
    [
      'a type that the relation does not take',
      { user: 'document:a', relation: 'viewer' },
      /not an allowed type/,
    ],
    [
      'a userset that the relation does not take',
      { user: 'folder:a#viewer', relation: 'viewer' },
      /not an allowed type/,
    ],
    [
      'a relation that only follows from others',
      { user: 'user:a', relation: 'can_read' },
      /not an allowed type|can_read/,
    ],
    ['a userset of an unknown relation', { user: 'group:a#owner', relation: 'viewer' }, /owner.*member/],
    [
      'a condition that the model has not',
      { user: 'user:a', relation: 'viewer', condition: { name: 'office_hours' } },
      /office_hours/,
    ],
    ['a parent that is everyone', { user: 'user:*', relation: 'parent' }, /parent/],
    ['a relationship named twice', { user: 'user:anne', relation: 'viewer' }, /named twice/],
  ];
  const all = [
    ...rows,
    ...relationships.map(
      ([name, tuple, detail]): Row => [
        name,
        { ...good, relationships: [{ user: 'user:anne', relation: 'viewer' }, tuple] },
        detail,
        'invalid_relationship',
      ],
    ),
  ];

  it.each(cases(all, 'invalid_document'))(
    'refuses $name, and nothing of it is there',
    async ({ request, detail, code, status }) => {
      expect(
        problemOf(await http.send('PUT', '/v1/documents/bad', withBody(tokens.ingest, request))),
      ).toEqual(aProblem(status, code, detail));
      expect(await service.write.documents.find('default', 'bad')).toBeUndefined();
      expect(await service.write.relationships.ofObject('default', 'document:bad')).toEqual([]);
    },
  );

  it.each([
    ['a space', 'a%20b', /space/],
    ['a tab', 'a%09b', /space|control/],
    ['"#"', 'a%23b', /"#"/],
    ['":"', 'a:b', /":"/],
    ['NUL', 'a%00b', /control/],
    ['a line end', 'a%0Ab', /space|control/],
    ['a dot alone', '%2e', /"\."/],
    ['two dots', '..', /"\.\."/],
    ['a star alone', '*', /"\*"/],
    ['248 bytes', 'x'.repeat(248), /247 bytes/],
    ['124 characters of two bytes', '%C3%A9'.repeat(124), /247 bytes/],
    ['8,000 bytes', 'x'.repeat(8_000), /247 bytes/],
  ])('refuses an id with %s', async (_, id, detail) => {
    const answer = await http.send('PUT', `/v1/documents/${id}`, { token: tokens.ingest, json: good });
    expect(problemOf(answer)).toEqual(aProblem(400, 'invalid_document', detail));
  });

  it.each([
    ['a slash', 'a/b', 'a%2Fb'],
    ['a leading slash and dots', '/../a', '%2F..%2Fa'],
    ['dots', 'v1.2..3', 'v1.2..3'],
    ['a per cent sign', '100%', '100%25'],
    ['what looks encoded', 'a%20b', 'a%2520b'],
    ['247 bytes', 'y'.repeat(247), 'y'.repeat(247)],
    ['247 bytes, each encoded', `${'é'.repeat(123)}z`, encodeURIComponent(`${'é'.repeat(123)}z`)],
    ['an apostrophe', "o'neill", "o'neill"],
    ['an emoji', '\u{1F600}', encodeURIComponent('\u{1F600}')],
    ['the name of a route', 'import', 'import'],
  ])('takes an id with %s, and gives it back', async (_, id, encoded) => {
    const json = { ...good, relationships: [{ user: 'user:anne', relation: 'viewer' }] };
    const path = `/v1/documents/${encoded}`;
    expect(await http.send('PUT', path, { token: tokens.ingest, json })).toMatchObject({
      status: 201,
      body: { document_id: id },
    });
    expect(await http.send('GET', path, { token: tokens.anne })).toMatchObject({
      status: 200,
      body: { document_id: id },
    });
    expect(await http.send('DELETE', path, { token: tokens.ingest })).toMatchObject({ status: 204 });
  });
});

describe('reading and deleting by odd ids', () => {
  const ids = ['a%20b', 'a%00b', 'a%23b', '..', '*', 'x'.repeat(400), 'a:b', "'%20OR%20true"];
  it.each(ids)('%s is not there', async (id) => {
    const absent = await http.send('GET', '/v1/documents/absent', { token: tokens.anne });
    expect(problemOf(await http.send('GET', `/v1/documents/${id}`, { token: tokens.anne }))).toEqual(
      aProblem(404, 'not_found', /No such document/),
    );
    expect(await http.send('GET', `/v1/documents/${id}`, { token: tokens.anne })).toEqual(absent);
    expect(problemOf(await http.send('DELETE', `/v1/documents/${id}`, { token: tokens.ingest }))).toEqual(
      aProblem(404, 'not_found', /No such/),
    );
    expect(problemOf(await http.send('DELETE', `/v1/sessions/${id}`, { token: tokens.anne }))).toEqual(
      aProblem(404, 'not_found', /No such session/),
    );
  });
});

describe('POST /v1/relationships', () => {
  const tuple = { user: 'user:a', relation: 'viewer', object: 'folder:f' };
  const rows: Row[] = [
    ['nothing', {}, /no relationship/, 'invalid_request'],
    ['empty lists', { writes: [], deletes: [] }, /no relationship/, 'invalid_request'],
    [
      '101 together',
      { writes: Array.from({ length: 101 }, (_, i) => ({ ...tuple, user: `user:${i}` })) },
      /100/,
      'invalid_request',
    ],
    ['a list', [tuple], /object/, 'invalid_request'],
    [
      'a relationship without an object',
      { writes: [{ user: 'user:a', relation: 'viewer' }] },
      /object/,
      'invalid_request',
    ],
    ['a field that nobody knows', { writes: [{ ...tuple, note: 'x' }] }, /note/, 'invalid_request'],
    [
      'an unknown relation',
      { writes: [tuple, { ...tuple, relation: 'reader' }] },
      /writes\.1.*reader.*viewer/,
    ],
    ['an unknown type', { writes: [tuple, { ...tuple, object: 'drive:f' }] }, /drive.*folder, document/],
    ['an object with a space', { writes: [tuple, { ...tuple, object: 'folder:a b' }] }, /object/],
    ['an object with two colons', { writes: [tuple, { ...tuple, object: 'folder:a:b' }] }, /object/],
    ['an object with "#"', { writes: [tuple, { ...tuple, object: 'folder:a#b' }] }, /object/],
    ['an object that is a wildcard', { writes: [tuple, { ...tuple, object: 'folder:*' }] }, /wildcard/],
    [
      'a tuple that the model forbids',
      { writes: [tuple, { ...tuple, user: 'folder:x' }] },
      /not an allowed type/,
    ],
    [
      'a tuple that follows from itself',
      { writes: [tuple, { user: 'group:g#member', relation: 'member', object: 'group:g' }] },
      /implicit/,
    ],
    ['the same twice', { writes: [tuple, tuple] }, /twice/],
    ['the same written and deleted', { writes: [tuple], deletes: [tuple] }, /twice/],
    [
      'a delete with NUL',
      { writes: [tuple], deletes: [{ ...tuple, user: 'user:\u0000' }] },
      /deletes\.0/,
      'invalid_request',
    ],
    [
      'a delete with half a surrogate pair',
      { writes: [tuple], deletes: [{ ...tuple, user: `user:${HALF}` }] },
      /deletes\.0/,
      'invalid_request',
    ],
    [
      'a delete with a user of 513 bytes',
      { writes: [tuple], deletes: [{ ...tuple, user: `user:${'x'.repeat(508)}` }] },
      /deletes\.0: the 'user' field is too long/,
    ],
    [
      'a delete with an object of 257 bytes',
      { writes: [tuple], deletes: [{ ...tuple, object: `folder:${'x'.repeat(250)}` }] },
      /deletes\.0: the 'object' field is too long/,
    ],
    [
      'a delete with a relation of 51 bytes',
      { writes: [tuple], deletes: [{ ...tuple, relation: 'x'.repeat(51) }] },
      /deletes\.0: the 'relation' field is malformed/,
    ],
    [
      'a delete of nobody',
      { writes: [tuple], deletes: [{ ...tuple, user: 'anne' }] },
      /deletes\.0: the 'user' field must be/,
    ],
    [
      'a condition with a context of 20,000 levels',
      `{"writes":[{"user":"user:a","relation":"viewer","object":"folder:f","condition":{"name":"c","context":{"a":${nested(20_000, '[', ']')}}}}]}`,
      /levels/,
      'invalid_request',
    ],
  ];
  it.each(cases(rows, 'invalid_relationship'))(
    'refuses $name, whole',
    async ({ request, detail, code, status }) => {
      expect(
        problemOf(await http.send('POST', '/v1/relationships', withBody(tokens.admin, request))),
      ).toEqual(aProblem(status, code, detail));
      expect(await service.write.relationships.ofObject('default', 'folder:f')).toEqual([]);
    },
  );
});

describe('POST /v1/documents/import', () => {
  const send = (raw: string | Buffer) =>
    http.send('POST', '/v1/documents/import', {
      token: tokens.ingest,
      raw,
      headers: { 'content-type': 'application/x-ndjson' },
    });
  const outcomes = (answer: Answer) =>
    answer.text
      .split('\n')
      .filter((line) => line !== '')
      .map(
        (line) =>
          JSON.parse(line) as { line: number; status: string; error?: { code: string; detail: string } },
      );
  const doc = (id: string) => JSON.stringify({ id, title: 'T', text: 'Text.' });

  it('goes on after a broken line in the middle', async () => {
    const lines = [
      doc('line-1'),
      '{"id": "line-2", "title"',
      Buffer.from(`{"id":"line-3","title":"T","text":"\xff"}`, 'latin1'),
      '"a string"',
      'null',
      '{"id":"line-6","title":"T","text":""}',
      '{"id":"line 7","title":"T","text":"Text."}',
      '{"title":"T","text":"Text."}',
      `{"id":"line-9","title":"T","text":"a\\u0000b"}`,
      '{"id":"line-10","title":"T","text":"Text.","relationships":[{"user":"user:a","relation":"reader"}]}',
      '{"id":"line-11","title":"T","text":"Text.","__proto__":{"polluted":true}}',
      `{"id":"line-12","title":"T","text":"Text.","deep":${nested(20_000, '[', ']')}}`,
      doc('line-13'),
    ];
    const answer = await send(Buffer.concat(lines.flatMap((line) => [Buffer.from(line), Buffer.from('\n')])));
    expect(answer.status).toBe(200);
    const said = outcomes(answer);
    expect(said.map(({ line }) => line)).toEqual(lines.map((_, i) => i + 1));
    expect(said.filter(({ status }) => status === 'published').map(({ line }) => line)).toEqual(
      expect.arrayContaining([1, 13]),
    );
    for (const { line, status, error } of said.filter((outcome) => ![1, 11, 13].includes(outcome.line))) {
      expect({ line, status }).toEqual({ line, status: 'rejected' });
      expect(error?.code).toBe(line === 10 ? 'invalid_relationship' : 'invalid_document');
      expect(error?.detail).not.toMatch(/\.ts:|node_modules|at \w+ \(/);
    }
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    for (const id of ['line-2', 'line-3', 'line-6', 'line 7', 'line-9', 'line-10', 'line-12']) {
      expect(await service.write.documents.find('default', id)).toBeUndefined();
    }
  });

  it('takes blank lines, Windows line ends and a byte order mark, and no last line end', async () => {
    const answer = await send(`\uFEFF${doc('w-1')}\r\n\r\n${doc('w-3')}`);
    expect(outcomes(answer)).toMatchObject([
      { line: 1, status: 'published' },
      { line: 3, status: 'published' },
    ]);
  });

  it('takes more than 10 MiB, but no line above it', async () => {
    const answer = await send(
      `${doc('long-1')}\n{"id":"long-2","text":"${'x'.repeat(10 * 1024 * 1024)}"}\n${doc('long-3')}`,
    );
    expect(outcomes(answer)).toMatchObject([
      { line: 1, status: 'published' },
      {
        line: 2,
        status: 'rejected',
        error: { code: 'invalid_document', detail: expect.stringMatching(/10485760 bytes/) as string },
      },
      { line: 3, status: 'published' },
    ]);
  });

  it('answers an empty stream with nothing', async () => {
    expect(await send('')).toMatchObject({ status: 200, text: '' });
  });

  it('takes NDJSON only', async () => {
    const answer = await http.send('POST', '/v1/documents/import', {
      token: tokens.ingest,
      json: { id: 'a', ...good },
    });
    expect(problemOf(answer)).toEqual(aProblem(415, 'unsupported_media_type', /x-ndjson/));
  });
});
