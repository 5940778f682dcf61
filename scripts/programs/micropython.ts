import { loadAsProcess } from './loading.ts';
import { type Program, same } from './program.ts';

const PACKAGE = '@micropython/micropython-webassembly-pyscript';

/** What is used of Emscripten's module object. */
interface Heap {
  _malloc(size: number): number;
  _free(address: number): void;
  lengthBytesUTF8(text: string): number;
  stringToUTF8(text: string, address: number, size: number): void;
}
interface MicroPython {
  readonly _module: Heap;
  runPython(code: string): unknown;
}
interface Package {
  loadMicroPython(options: {
    heapsize: number;
    stdout: (line: string) => void;
    linebuffer: boolean;
  }): Promise<MicroPython>;
}

const interrupted = (code: string): { code: string; says: string } => ({
  // The interrupt is an exception that no `except` names, so that it comes out of all of it.
  code: `try:\n${code.replace(/^/gm, '    ')}\nexcept KeyboardInterrupt:\n    print("interrupted")\n`,
  says: 'interrupted',
});

/** How far the clock jumps to have a sleep end: `time.sleep` compares unsigned numbers of 32 bits. */
const LONG = 2 ** 30;

export const micropython: Program = {
  name: 'MicroPython',
  endless: {
    'plain loop': interrupted('while True:\n    pass'),
    'in try': interrupted(
      'while True:\n    try:\n        while True:\n            pass\n    except ValueError:\n        pass',
    ),
    'raising in try': interrupted(
      'while True:\n    try:\n        raise ValueError\n    except ValueError:\n        pass',
    ),
    'in finally': interrupted('try:\n    1 / 0\nfinally:\n    while True:\n        pass'),
    'in a callback': interrupted('def key(x):\n    while True:\n        pass\nsorted([3, 2, 1], key=key)'),
    'in a generator': interrupted(
      'def g():\n    while True:\n        yield 1\nfor x in map(lambda x: x + 1, g()):\n    pass',
    ),
    'in time.sleep': interrupted('import time\nwhile True:\n    time.sleep(100)'),
  },
  async load(packages, polls) {
    const lines: string[] = [];
    let skew = 0;
    const { process, program, transformed } = await loadAsProcess(
      packages.bytes(`${PACKAGE}/micropython.wasm`),
      polls,
      async () => {
        const { loadMicroPython } = await packages.import<Package>(PACKAGE);
        return loadMicroPython({ heapsize: 1 << 20, stdout: (line) => void lines.push(line), linebuffer: true });
      },
      (given) => {
        const ticks = given.env?.mp_js_ticks_ms as () => number;
        return { ...given, env: { ...given.env, mp_js_ticks_ms: () => ticks() + skew } };
      },
    );
    const heap = program._module;
    const keyboardInterrupt = process.instance.exports.mp_sched_keyboard_interrupt as () => void;
    process.onSignal('SIGINT', () => {
      keyboardInterrupt();
      skew += LONG;
    });
    const run = async (code: string): Promise<string> => {
      lines.length = 0;
      const length = heap.lengthBytesUTF8(code);
      const [text, result] = [heap._malloc(length + 1), heap._malloc(12)];
      heap.stringToUTF8(code, text, length + 1);
      try {
        await process.call('mp_js_do_exec', text, length, result);
      } finally {
        heap._free(text);
        heap._free(result);
      }
      return lines.join('\n');
    };
    return {
      process,
      transformed,
      run,
      interrupt: () => void process.kill('SIGINT'),
      async check() {
        lines.length = 0;
        program.runPython('print(sum(range(10)))');
        same(lines.join('\n'), '45');
        same(await run('try:\n    {}["x"]\nexcept KeyError as e:\n    print("no", e)'), 'no x');
      },
    };
  },
};
