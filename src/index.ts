export { type ClearanceClient, clearanceClient, UnreachableError } from './client/client.ts';
export { quoted } from './client/quoted.ts';
export { openService, type Service } from './compose.ts';
export { type Config, readConfig } from './config.ts';
export { retrieve } from './retrieve/retrieve.ts';
export { ClearanceError, type ErrorCode, StartupError } from './types/errors.ts';
export type { RetrieveRequest, RetrieveResponse } from './types/retrieval.ts';
