import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshFolder, run, serve } from '../support/cli.ts';
import { type EmbeddingsEndpoint, startEmbeddings } from '../support/embeddings-endpoint.ts';

let endpoint: EmbeddingsEndpoint;
beforeAll(async () => {
  endpoint = await startEmbeddings('another-model');
});
afterAll(() => endpoint.close());

describe('another embedding model', () => {
  it('is refused at the start with the command that helps, which then does', async () => {
    const folder = freshFolder();
    const own = { CLEARANCE_DATA_DIR: join(folder, 'data') };
    const other = { ...own, ...endpoint.env };
    const file = join(folder, 'one.ndjson');
    const relationships = [{ user: 'user:anne', relation: 'viewer' }];
    writeFileSync(file, JSON.stringify({ id: 'one', title: 'One', text: 'text of one', relationships }));
    expect(await run(['ingest', file], own)).toMatchObject({ code: 0 });

    for (const command of [['serve'], ['ask', 'one', '--as', 'anne'], ['ingest', file]]) {
      const refused = await run(command, { ...other, PORT: '0' });
      expect(refused).toMatchObject({ code: 1, stdout: '' });
      expect(refused.stderr).toMatch(
        /^clearance: .*embeddings of minilm-static-256 \(256 dimensions\).*another-model \(8\).*"clearance reembed".*\n$/,
      );
    }

    const service = await serve(own.CLEARANCE_DATA_DIR);
    expect(await run(['reembed'], other)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/Stop it first/),
    });
    service.kill('SIGTERM');
    await service.ended;

    expect(endpoint.texts).toEqual([]);
    expect(await run(['reembed'], other)).toMatchObject({
      code: 0,
      stdout: '1 passages now have embeddings of another-model.\n',
    });
    expect(endpoint.texts).toEqual(['One\ntext of one']);
    const asked = await run(['ask', 'one', '--as', 'anne'], other);
    expect(asked).toMatchObject({ code: 0, stdout: expect.stringMatching(/\[one\]\n +text of one/) });
    expect(await run(['ask', 'one', '--as', 'anne'], own)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/"clearance reembed"/),
    });
  });
});
