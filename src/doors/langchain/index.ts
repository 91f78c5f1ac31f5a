export type { ClearanceConfigurable } from './caller.ts';
export { type Retrieve, remoteRetrieve } from './retrieve.ts';
export { ClearanceRetriever, type ClearanceRetrieverFields, passageOf } from './retriever.ts';
export { type ClearanceToolFields, clearanceTool } from './tool.ts';
