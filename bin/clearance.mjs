#!/usr/bin/env node
import { existsSync } from 'node:fs';

const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  console.error(`clearance needs Node 24 or newer; this is ${process.version}.`);
  process.exit(1);
}
// A checkout that isn't built yet runs from its sources: Node strips the types.
const built = new URL('../dist/src/doors/cli/main.js', import.meta.url);
await import(existsSync(built) ? built : new URL('../src/doors/cli/main.ts', import.meta.url));
