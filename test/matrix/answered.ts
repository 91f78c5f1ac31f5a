import type { Answer, Http, Sent } from '../support/http.ts';

export const TRIES = 5;

/** A 503 says nothing but "ask again", and comes on a machine that has too much to do. */
export async function answered(http: Http, method: string, path: string, sent: Sent): Promise<Answer> {
  for (let tries = 1; ; tries += 1) {
    const answer = await http.send(method, path, sent);
    if (answer.status !== 503 || tries === TRIES) return answer;
    console.warn(`${method} ${path}: 503 ${String(answer.body['code'])}, asked again`);
  }
}
