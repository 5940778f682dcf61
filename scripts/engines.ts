import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundle } from './build.ts';

const root = resolve(import.meta.dirname, '..');
const cache = join(root, 'node_modules', '.cache', 'bobbin-engines');

interface Engine {
  readonly name: string;
  /** Its package on the npm registry, with a version range. */
  readonly spec: string;
  readonly bin: string;
  readonly args: readonly string[];
}

/** The engines beside the one of the development dependencies: older V8, newer V8, JavaScriptCore. */
const ENGINES: readonly Engine[] = [
  { name: 'Node 22', spec: 'node@22', bin: 'node', args: ['--experimental-wasm-exnref'] },
  { name: 'deno', spec: 'deno@2', bin: 'deno', args: ['run', '--allow-all', '--no-lock'] },
  { name: 'bun', spec: 'bun@1', bin: 'bun', args: [] },
];

function install(engine: Engine): string {
  const folder = join(cache, engine.spec.replace('@', '-'));
  const bin = join(folder, 'node_modules', '.bin', engine.bin);
  if (existsSync(bin)) return bin;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n');
  const done = spawnSync('npm', ['install', '--silent', '--no-audit', '--no-fund', engine.spec], { cwd: folder });
  if (done.status !== 0 || !existsSync(bin)) throw new Error(`could not install ${engine.spec}: ${done.stderr}`);
  return bin;
}

function official(): string[] {
  const suite = process.env.BOBBIN_SPEC_SUITE ?? join(root, '..', 'shared', 'spec-suite');
  return ['stack-switching', 'proposal-examples'].map((name) => join(suite, name)).filter((path) => existsSync(path));
}

const DEPTH = 1_000_000;
/** How modules come to recurse as deep as memory allows: without polls, and with each kind of them. */
const DEEP: readonly (readonly string[])[] = [
  ['--depth', 'heap'],
  ['--linking', 'closed', '--depth', 'heap'],
  ['--yield', 'fuel'],
  ['--yield', 'epoch'],
];

/** Has an engine recurse on its default stack; what went wrong. */
function recurse({ args }: Engine, bin: string, cli: string): string[] {
  const wrong: string[] = [];
  const module = join(cache, 'depth.wasm');
  for (const how of DEEP) {
    const made = spawnSync(process.execPath, [
      cli,
      'transform',
      join(root, 'scripts', 'depth.wat'),
      '-o',
      module,
      ...how,
    ]);
    if (made.status !== 0) wrong.push(`${how.join(' ')}: ${made.stderr}`);
    for (const name of ['sum', 'pointer', 'mutual']) {
      const run = spawnSync(bin, [...args, cli, 'run', '--invoke', name, module, String(DEPTH)], { encoding: 'utf8' });
      if (run.stdout.trim() === `${(DEPTH / 2) * (DEPTH + 1)} : i64`) continue;
      wrong.push(`${how.join(' ')}: ${name}: ${run.stdout}${run.stderr}`);
    }
  }
  return wrong;
}

/** Runs the suites in frames mode on every engine, and deep recursions; the sums of what passed and failed. */
export async function testEngines(): Promise<{ passed: number; failed: number }> {
  await bundle();
  const cli = join(root, 'dist', 'cli.js');
  const paths = [...official(), join(root, 'spec-tests', 'suites')];
  const total = { passed: 0, failed: 0 };
  for (const engine of ENGINES) {
    const bin = install(engine);
    for (const mode of ['frames', 'closed']) {
      const run = spawnSync(bin, [...engine.args, cli, 'wast', '--mode', mode, ...paths], {
        cwd: root,
        encoding: 'utf8',
      });
      const counts = /(\d+) passed, (\d+) failed\s*$/.exec(run.stdout);
      const version = spawnSync(bin, ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0];
      if (counts === null || run.status !== 0) {
        process.stdout.write(`${run.stdout}${run.stderr}`);
        total.failed++;
      }
      process.stdout.write(`${engine.name} (${version}), ${mode}: ${counts?.[0].trim() ?? 'did not finish'}\n`);
      total.passed += Number(counts?.[1] ?? 0);
    }
    const wrong = recurse(engine, bin, cli);
    for (const line of wrong) process.stdout.write(`${line}\n`);
    process.stdout.write(`${engine.name}, ${DEPTH} activations: ${wrong.length === 0 ? 'as deep' : 'not as deep'}\n`);
    total.passed += DEEP.length * 3 - wrong.length;
    total.failed += wrong.length;
  }
  return total;
}

if (import.meta.main) {
  const { passed, failed } = await testEngines();
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}
