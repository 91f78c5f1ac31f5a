/** What a stream has said, and its end. */
export type Listening = {
  readonly status: number;
  readonly events: { readonly event: string; readonly data: Record<string, unknown> }[];
  ended(): boolean;
  stop(): void;
};

/** Listens as a client does: to server-sent events, from the head of the answer on. */
export async function listen(url: string, session: string, token: string): Promise<Listening> {
  const leaving = new AbortController();
  const response = await fetch(`${url}/v1/sessions/${session}/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: leaving.signal,
  });
  const events: Listening['events'] = [];
  let over = false;
  const reading = async () => {
    let text = '';
    for await (const part of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += part;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const [, event = '', data = '{}'] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
        if (event !== '') events.push({ event, data: JSON.parse(data) as Record<string, unknown> });
      }
    }
  };
  void reading()
    .catch(() => {})
    .finally(() => {
      over = true;
    });
  return { status: response.status, events, ended: () => over, stop: () => leaving.abort() };
}
