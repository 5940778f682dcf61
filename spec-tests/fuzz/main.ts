import { mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { denoEngine, nodeEngine } from './native.ts';

const USAGE = `node spec-tests/fuzz/main.ts [--seconds N] [--modules N] [--seed S] [--deno] [--internal]
  --seconds N   how long (60)
  --modules N   how many modules at most
  --seed S      where to begin (random)
  --deno        compare with deno, which has switch, instead of node; the program is $DENO or on the path
  --internal    compare nothing but our own linkings`;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string' },
    modules: { type: 'string' },
    seed: { type: 'string' },
    deno: { type: 'boolean', default: false },
    internal: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function number(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new RangeError(`not a number: ${text}\n${USAGE}`);
  return value;
}

if (values.help) {
  console.log(USAGE);
} else {
  const seed = number(values.seed, Math.floor(Math.random() * 0x7fff_ffff));
  const regressions = new URL('../regressions/', import.meta.url);
  console.log(`seed ${seed}`);
  const engine = values.internal ? null : values.deno ? denoEngine(process.env.DENO ?? 'deno') : nodeEngine;
  const { modules, suspensions, lost, findings } = await fuzz({
    seed,
    seconds: number(values.seconds, 60),
    ...(values.modules === undefined ? {} : { modules: number(values.modules, 0) }),
    engine,
    found: ({ seed: at, difference, wast }) => {
      const file = new URL(`seed-${at}${values.deno || values.internal ? '-full' : ''}.wast`, regressions);
      mkdirSync(regressions, { recursive: true });
      writeFileSync(file, wast);
      console.log(`mismatch, seed ${at}: ${difference.kind}: ${difference.detail}\n  ${file.pathname}`);
    },
  });
  console.log(
    `${modules} modules, about ${suspensions} suspensions, ${findings.length} mismatches, ${lost} lost to the engine`,
  );
  if (findings.length > 0) process.exitCode = 1;
}
