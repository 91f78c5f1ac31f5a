/** One open stream, as the store can look after it. */
export type WatchedStream = {
  readonly sessionId: string;
  readonly tenant: string;
  readonly keys: readonly Uint8Array[];
  /** A revocation of then or later concerns its token; absent: any does. */
  readonly since: Date | undefined;
};

export type Seen = {
  /** Of the relationships and publications of each tenant among them that has had any. */
  readonly versions: ReadonlyMap<string, number>;
  /** By their place in the question: streams whose token was revoked, and those whose session is over. */
  readonly revoked: ReadonlySet<number>;
  readonly over: ReadonlySet<number>;
};

export interface SessionWatch {
  /** One statement, however many streams there are. */
  look(streams: readonly WatchedStream[]): Promise<Seen>;
}
