import { transformModule } from '../../asyncify/index.ts';
import {
  type Instrumented,
  type NamedFunction,
  type NamedHostFrame,
  nameExplanations,
  nameHostFrames,
} from '../explain.ts';
import { type Command, choice, parse, UsageError, writeFile } from './command.ts';
import { inFile, readModule } from './input.ts';
import {
  ATOMICS_OPTIONS,
  atomicsTransform,
  depthTransform,
  PROCESS_OPTIONS,
  processTransform,
  transformForProcess,
  transparentNames,
} from './load.ts';

const help = `Usage: bobbin transform IN -o OUT [--linking closed|linked] [--explain]
       bobbin transform IN -o OUT --yield fuel|epoch|none [--instrumenter frames|binaryen] [--explain]

Turns a module that may use stack switching into plain WebAssembly 3.0 that runs on the runtime (Engine.load, bobbin run). With
--yield, --instrumenter or --atomic-waits suspending the result can be interrupted, and waits in WASI and signal functions
without blocking the host: what bobbin run otherwise makes of a program each time.

  -o, --output OUT    where the result goes: text if the name ends in .wat, else a binary
  --linking linked    (default) the result links with other transformed modules, and suspensions pass between them
  --linking closed    it links with the host only, and is a little faster
  --yield POLL        yield points that count fuel, that look at an epoch's word, or none
  --instrumenter NAME frames (default), or binaryen: Binaryen's Asyncify pass
  --optimize LEVEL    with binaryen: how hard its optimiser works, 0 to 3 (default 2)
  --suspending NAME   module.name or module.* of imports that suspend as well; may be repeated
  --transparent NAME  module.name of imports that only call back (* at the end stands for anything), whose calls leave no host frame
                      in between; may be repeated. Default: what Emscripten makes of setjmp and C++ exceptions. none: no import
  --atomic-waits HOW  native (default), or suspending: waits and notifies in shared memories call functions of the host's,
                      which suspends one thread where the instruction would block all
  --shared-memories HOW
                      keep (default), or plain: shared memories become ordinary ones with the same limits
  --depth heap        recursion is bounded by memory, not by the engine's stack: the default with --yield fuel or epoch
  --depth native      it is not: the default without
  --explain           print which functions were instrumented, and why
  -h, --help          this text
`;

export const command: Command = {
  help,
  async run(args, io) {
    const { values, positionals } = parse({
      args: [...args],
      allowPositionals: true,
      options: {
        output: { type: 'string', short: 'o' },
        linking: { type: 'string' },
        ...PROCESS_OPTIONS,
        ...ATOMICS_OPTIONS,
        suspending: { type: 'string', multiple: true },
        transparent: { type: 'string', multiple: true },
        explain: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) {
      io.out(help);
      return 0;
    }
    const [path, ...more] = positionals;
    if (path === undefined) throw new UsageError('no module given');
    if (more.length > 0) throw new UsageError(`one module at a time, not also "${more.join('" "')}"`);
    const { output } = values;
    if (output === undefined) throw new UsageError('where to? -o OUT is missing');
    if (output === '-' || output === '') throw new UsageError('-o takes the name of a file');
    const linking = choice('linking', values.linking ?? 'linked', ['closed', 'linked']);
    const { instrumenter, yield: yields, optimize, suspending } = values;
    const transparent = transparentNames(values.transparent);
    const atomics = atomicsTransform(values);
    const forProcess =
      atomics.atomicWaits === 'suspending' ||
      [instrumenter, yields, optimize, suspending].some((value) => value !== undefined);
    if (forProcess && values.linking === 'linked')
      throw new UsageError('what can be interrupted is closed, not linked');
    const how = { ...processTransform(values), ...atomics, ...transparent, suspending: suspending ?? [] };

    const input = await readModule(path);
    const { module, bytes } = input;
    const result = await inFile(path, () =>
      forProcess
        ? transformForProcess(input, how, io)
        : transformModule(module, bytes, { linking, ...atomics, ...transparent, ...depthTransform(values) }),
    );
    writeFile(output, output.endsWith('.wat') ? await print(result.bytes) : result.bytes);
    if (values.explain) {
      const defined = module.funcs.length;
      io.out(
        result.changed ? report(nameExplanations(module, result.instrumented), defined) : `${path}: left as it is\n`,
      );
      io.out(reportFrames(nameHostFrames(module, result.hostFrames)));
    }
    return 0;
  },
};

async function print(bytes: Uint8Array): Promise<string> {
  const tools = await import('@bytecodealliance/jco-transpile/wasm-tools');
  return tools.print(bytes);
}

function report(functions: readonly Instrumented[], defined: number): string {
  const lines = [`${functions.length} of ${defined} functions instrumented`];
  for (const { func, chain } of functions) {
    lines.push('', show(func));
    for (const step of chain) {
      if (step.func.index !== func.index) lines.push(`  ${show(step.func)}`);
      const place = step.offset === null ? '' : `at byte ${step.offset}, `;
      const what = step.instruction === null ? '' : `${step.instruction}: `;
      lines.push(`    ${place}${what}${step.reason}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function reportFrames(frames: readonly NamedHostFrame[]): string {
  if (frames.length === 0) return '';
  const lines = frames.map(({ import: name, kept }) =>
    kept === null ? `  ${name}: called without the host` : `  ${name}: called by way of the host, as ${kept}`,
  );
  return `\nimports that only call back\n${lines.join('\n')}\n`;
}

function show({ index, name }: NamedFunction): string {
  return name === null ? `function ${index}` : `function ${index} $${name}`;
}
