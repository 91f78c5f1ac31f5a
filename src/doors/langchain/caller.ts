import type { RunnableConfig } from '@langchain/core/runnables';
import { z } from 'zod';
import { ClearanceError } from '../../types/errors.ts';

/**
 * Who is asking, as a run's configuration names it; all fields are set by the application, never by a model.
 *
 * LangChain copies strings (and numbers) of `configurable` into the metadata of its traces. A token in a
 * function is not copied, and may be fetched anew for each call of a long run, so prefer a function
 * wherever traces are kept.
 */
export type ClearanceConfigurable = {
  clearance_token: string | (() => string | Promise<string>);
  clearance_session_id?: string;
  /** Who else will see the answer: `['group:support#member']`. */
  clearance_audience?: readonly string[];
};

const configurable = z.object({
  clearance_token: z.union([
    z.string().min(1),
    z.custom<() => unknown>((value) => typeof value === 'function'),
  ]),
  clearance_session_id: z.string().min(1).optional(),
  clearance_audience: z.array(z.string()).min(1).optional(),
});

const help =
  'Clearance does not know who is asking: pass the token of the person in the configuration of the run, ' +
  '{ configurable: { clearance_token } }';

export type Caller = { token: string; session_id?: string; audience?: string[] };

/** The caller of one run. What a model wrote (the query, a tool's arguments) has no way in here. */
export async function callerOf(config: RunnableConfig): Promise<Caller> {
  const found = configurable.safeParse(config.configurable);
  if (!found.success) {
    const [issue] = found.error.issues;
    throw new ClearanceError(
      'unauthenticated',
      `${help} (${issue?.path.join('.') || 'configurable'}: ${issue?.message}).`,
    );
  }
  const { clearance_token, clearance_session_id: session_id, clearance_audience: audience } = found.data;
  const token = typeof clearance_token === 'string' ? clearance_token : await clearance_token();
  if (typeof token !== 'string' || token === '') {
    throw new ClearanceError('unauthenticated', `${help} (the function clearance_token returned no string).`);
  }
  return { token, ...(session_id !== undefined && { session_id }), ...(audience && { audience }) };
}
