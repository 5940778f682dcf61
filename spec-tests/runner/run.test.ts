import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KnownFailure } from './known-failures.ts';
import { engineIs, FileExpectations, loadKnownFailures } from './known-failures.ts';
import { nativeMode } from './modes/native.ts';
import { PathError, type RunOptions, runPaths } from './run.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wast-'));
  mkdirSync(join(folder, 'b'));
  writeFileSync(join(folder, 'c.wast'), '(module (func (export "f")))\n(assert_return (invoke "f"))\n');
  writeFileSync(join(folder, 'b', 'a.wast'), '(module (func (export "f")))\n(assert_trap (invoke "f") "x")\n');
  writeFileSync(join(folder, 'notes.txt'), '(');
});
afterEach(() => rmSync(folder, { recursive: true }));

async function run(options: Partial<RunOptions> = {}, paths = [folder], isTerminal = false) {
  let out = '';
  let err = '';
  const output = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    isTerminal,
  };
  const result = await runPaths(paths, { mode: nativeMode, ...options }, output);
  return { ...result, err, out: out.replaceAll(`${folder}/`, '') };
}

const known = (line: number, file = 'b/a.wast'): KnownFailure => ({ file, line, modes: ['native'], reason: 'why' });

describe('runPaths', () => {
  it('walks folders in order and reports each file and the totals', async () => {
    const { out, err, exitCode, report } = await run();
    expect(out).toBe(`b/a.wast  0/1
b/a.wast:2: assert_trap: expected trap "x", got no failure
c.wast  1/1
1 of 2 files passed
1 passed, 1 failed
`);
    expect(err).toBe('');
    expect(exitCode).toBe(1);
    expect(report.totals).toEqual({ files: 2, filesPassed: 1, passed: 1, failed: 1, known: 0, unexpectedPasses: 0 });
  });

  it('succeeds where nothing fails', async () => {
    expect(await run({}, [join(folder, 'c.wast')])).toMatchObject({
      exitCode: 0,
      out: expect.stringMatching(/\n1 passed, 0 failed\n$/),
    });
  });

  it('prints its report as JSON', async () => {
    const { out, report } = await run({ json: true });
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(report).replaceAll(`${folder}/`, '')));
    expect(report.files[0]?.failures[0]).toMatchObject({ line: 2, command: 'assert_trap', got: 'no failure' });
  });

  it('shows progress on a terminal only, and clears it', async () => {
    const { err } = await run({}, [folder], true);
    expect(err).toContain('[2/2]');
    expect(err.endsWith('\r\x1b[K')).toBe(true);
  });

  it('expects known failures', async () => {
    const { out, exitCode } = await run({ knownFailures: [known(2)] });
    expect(exitCode).toBe(0);
    expect(out).toContain('got no failure (known: why)\n');
    expect(out).toContain('1 of the failures are known\n1 passed, 1 failed\n');
  });

  it('fails where a known failure passes', async () => {
    const { out, exitCode } = await run({ knownFailures: [known(2), known(2, 'c.wast')] });
    expect(exitCode).toBe(1);
    expect(out).toContain('c.wast:2: unexpected pass of a known failure (why)\n');
    expect((await run({ knownFailures: [known(2), known(9)] })).exitCode).toBe(1);
  });

  it('does not take one known failure for another', async () => {
    expect((await run({ knownFailures: [known(1)] })).exitCode).toBe(1);
    expect((await run({ knownFailures: [{ ...known(2), modes: ['other'] }] })).exitCode).toBe(1);
    expect((await run({ knownFailures: [known(2, 'xb/a.wast')] })).exitCode).toBe(1);
  });

  it('counts a file that is no script as one failure', async () => {
    writeFileSync(join(folder, 'c.wast'), '(module)\n(assert_return');
    const { out } = await run({}, [join(folder, 'c.wast')]);
    expect(out).toContain('c.wast:2: script: expected a script, got unclosed "("\n');
    writeFileSync(join(folder, 'c.wast'), Uint8Array.of(0xff));
    expect((await run({}, [join(folder, 'c.wast')])).out).toContain(
      'c.wast:1: script: expected a script, got malformed UTF-8',
    );
  });

  it('refuses paths with nothing to run', async () => {
    await expect(run({}, [join(folder, 'absent')])).rejects.toThrow(PathError);
    await expect(run({}, [])).rejects.toThrow(PathError);
    rmSync(join(folder, 'c.wast'));
    rmSync(join(folder, 'b'), { recursive: true });
    await expect(run()).rejects.toThrow(PathError);
  });
});

describe('known failures', () => {
  it('are readable, each with a reason', () => {
    for (const entry of loadKnownFailures()) expect(entry.reason).not.toBe('');
  });

  it('are refused where they are no list', () => {
    const file = join(folder, 'known.json');
    for (const text of ['{}', '[{}]', '[{"file":"a","modes":["native"],"reason":""}]', '[1]']) {
      writeFileSync(file, text);
      expect(() => loadKnownFailures(file)).toThrow(SyntaxError);
    }
    writeFileSync(file, '[{"file":"a","modes":["native"],"engine":"v9","reason":"x"}]');
    expect(() => loadKnownFailures(file)).toThrow(SyntaxError);
  });

  it('may stand for a whole file or folder', () => {
    const { line: _, ...whole } = known(1);
    for (const file of ['b/', 'b/a.wast', 'a.wast']) {
      const expectations = new FileExpectations([{ ...whole, file }], '/x/b/a.wast', 'native');
      expect(expectations.unexpectedPasses()).toHaveLength(1);
      expect(expectations.reasonFor(7)).toBe('why');
      expect(expectations.unexpectedPasses()).toEqual([]);
    }
    expect(new FileExpectations([{ ...whole, file: 'b/' }], '/xb/a.wast', 'native').reasonFor(1)).toBeUndefined();
  });

  it('may depend on the engine', () => {
    expect(engineIs('v8')).toBe(true);
    expect(engineIs('jsc')).toBe(false);
    expect(engineIs('v8>=9')).toBe(true);
    expect(engineIs('v8<9')).toBe(false);
    const wasm = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 2, 0x60, 0, 0, 0x5d, 0);
    expect(engineIs('lacks stack-switching')).toBe(!WebAssembly.validate(wasm));
    expect(() => engineIs('lacks sense')).toThrow(SyntaxError);
  });
});
