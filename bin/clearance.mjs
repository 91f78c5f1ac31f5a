#!/usr/bin/env node
import { existsSync } from 'node:fs';

const [major] = process.versions.node.split('.').map(Number);
if (major < 24) {
  console.error(`clearance needs Node 24 or newer; this is ${process.version}.`);
  process.exit(1);
}
// A checkout runs from its sources, whatever an earlier build left in dist: Node strips the types. A package has no sources.
const sources = new URL('../src/doors/cli/main.ts', import.meta.url);
await import(existsSync(sources) ? sources : new URL('../dist/src/doors/cli/main.js', import.meta.url));
