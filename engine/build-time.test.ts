import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { transform, transformWithBinaryen } from '../asyncify/index.ts';
import { parseText } from '../spec-tests/runner/index.ts';
import { suspendingImports } from './index.ts';

const guest = await parseText(`(module
  (import "bobbin:signal" "sigaction" (func $sigaction (param i32 i32 i32) (result i32)))
  (import "bobbin:signal" "pause" (func $pause (result i32)))
  (memory (export "memory") 1) (data (i32.const 16) "\\02")
  (table (export "table") 3 funcref) (elem (i32.const 2) $handler)
  (global $seen (mut i32) (i32.const 0))
  (func $handler (param $signo i32) (global.set $seen (local.get $signo)))
  (func (export "__bobbin_signal") (param i32 i32 i32 i32 i32)
    (call_indirect (param i32) (local.get 1) (local.get 0)))
  (func (export "_start") (result i32 i32) (local $sum i32) (local $n i32)
    (if (call $sigaction (i32.const 10) (i32.const 16) (i32.const 0)) (then unreachable))
    (loop $l
      (local.set $sum (i32.add (local.get $sum) (local.tee $n (i32.add (local.get $n) (i32.const 1)))))
      (br_if $l (i32.lt_u (local.get $n) (i32.const 1000))))
    (drop (call $pause))
    (local.get $sum) (global.get $seen)))`);

/** What a program has that only runs what was transformed before. */
const program = `
  import { readFileSync } from 'node:fs';
  import { Runtime } from '${pathToFileURL(resolve(import.meta.dirname, 'runtime.ts')).href}';
  import { Process } from '${pathToFileURL(resolve(import.meta.dirname, 'process/index.ts')).href}';
  import { Store } from '${pathToFileURL(resolve(import.meta.dirname, '../continuations/index.ts')).href}';
  const module = new Runtime().load(readFileSync(process.argv[2]));
  const guest = Process.instantiate(new Store(), module.compiled);
  let slices = 0;
  if (module.manifest.host.poll === 'fuel') {
    while (guest.state !== 'blocked') { guest.run({ fuel: 100 }); slices++; }
  }
  guest.start();
  setTimeout(() => guest.kill('SIGUSR1'), 20);
  console.log(JSON.stringify({ status: await guest.wait(), slices, manifest: module.manifest }));
  process.exit();
`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bobbin-'));
  writeFileSync(join(folder, 'program.ts'), program);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe.each(['fuel', 'none'] as const)('a module transformed at build time, with %s', (yields) => {
  it.each(['frames', 'binaryen'] as const)('runs as a process elsewhere, by %s', async (instrumenter) => {
    const options = { yields, suspending: suspendingImports } as const;
    const { bytes } =
      instrumenter === 'frames'
        ? transform(guest, { ...options, linking: 'closed' })
        : await transformWithBinaryen(guest, options);
    const file = join(folder, `${instrumenter}-${yields}.wasm`);
    writeFileSync(file, bytes);
    const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'program.ts'), file], { encoding: 'utf8' });
    expect(stderr.replaceAll(/^.*(ExperimentalWarning|--trace-warnings).*\n/gm, '')).toBe('');
    const { status, slices, manifest } = JSON.parse(stdout);
    expect(status).toEqual({ kind: 'exited', status: 0, results: [500_500, 10] });
    expect(slices).toBe(yields === 'fuel' ? 10 : 0);
    expect(manifest).toMatchObject({
      instrumenter,
      linking: 'closed',
      host: {
        poll: yields,
        suspending: [{ module: 'bobbin:signal', name: 'pause' }],
        entries: ['__bobbin_signal', '_start'],
      },
    });
  });
});
