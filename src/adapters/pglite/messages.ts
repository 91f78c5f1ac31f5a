import { z } from 'zod';

/** What the store process tells its owner. */
export const storeMessage = z.discriminatedUnion('kind', [
  /** Another process holds the lock; this one waits for it. */
  z.object({ kind: z.literal('waiting') }),
  z.object({ kind: z.literal('ready') }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
]);
export type StoreMessage = z.infer<typeof storeMessage>;

/** What the owner tells it: give up, if you still wait for the lock. Its end is told by the channel's. */
export const LEAVE = 'leave';
