#!/usr/bin/env node
// Plain JavaScript that old versions can read, so that they can say what is wrong.
const major = Number(process.versions.node.split('.')[0]);
if (major < 22) {
  process.stderr.write(`bobbin: needs Node 22 or newer, this is ${process.versions.node}\n`);
  process.exitCode = 1;
} else {
  import('../dist/cli.js');
}
