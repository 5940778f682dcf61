import type { Imports } from '../../../continuations/index.ts';

type Callable = (...args: unknown[]) => unknown;

/** How host code finds the function at an index: in the table, by way of what it has seen there, or by the guest's `dynCall_*`. */
export type Style = 'table' | 'mirror' | 'dynCall';

/** Host code that calls back as Emscripten's does: what a guest imports as `env.invoke_*`, and what throws. */
export class Glue {
  readonly log: unknown[] = [];
  readonly style: Style;
  #exports: WebAssembly.Exports = {};
  #mirror: (Callable | null)[] = [];

  constructor(style: Style) {
    this.style = style;
  }

  attach(exports: WebAssembly.Exports): void {
    this.#exports = exports;
  }

  get #table(): WebAssembly.Table {
    return this.#exports.__indirect_function_table as WebAssembly.Table;
  }

  #function(name: string): Callable {
    return this.#exports[name] as Callable;
  }

  #call(signature: string, index: number, args: readonly unknown[]): unknown {
    if (this.style === 'dynCall') return this.#function(`dynCall_${signature}`)(index, ...args);
    if (this.style === 'table') return (this.#table.get(index) as Callable)(...args);
    const known = this.#mirror[index] ?? (this.#table.get(index) as Callable);
    this.#mirror[index] = known;
    if (this.#table.get(index) !== known) throw new Error('the table was changed behind the back of its host');
    return known(...args);
  }

  /** Stands in for `stackSave`, the call, and what is done where it throws. */
  invoke(signature: string): Callable {
    return (index, ...args) => {
      const before = this.#function('stackSave')();
      this.log.push(['invoke', signature, before]);
      try {
        return this.#call(signature, index as number, args);
      } catch (error) {
        this.log.push([
          'caught',
          error instanceof Error ? error.constructor.name : error,
          this.#function('stackSave')(),
        ]);
        this.#function('stackRestore')(before);
        if (error !== (error as number) + 0) throw error;
        this.#function('setThrew')(1, 0);
        return undefined;
      }
    };
  }

  imports(signatures: readonly string[]): Imports {
    const invokes = signatures.map((signature) => [`invoke_${signature}`, this.invoke(signature)] as const);
    return {
      env: {
        ...Object.fromEntries(invokes),
        throwNumber: (value: number) => {
          throw value;
        },
        throwError: () => {
          throw THROWN;
        },
        log: (value: unknown) => void this.log.push(value),
      },
    };
  }
}

/** An error that is told by its identity. */
export const THROWN = new Error('thrown by the host');

/** What a guest in the text format needs for it. Its functions lie in the table from 1 on, as many as are given. */
export function guest(
  signatures: readonly string[],
  functions: readonly string[],
  fields: string,
  table = 'export',
): string {
  const types = signatures.map((signature) => wasmType(signature));
  const invokes = types.map(
    ({ params, result }, at) =>
      `(import "env" "invoke_${signatures[at]}" (func $invoke_${signatures[at]} (param i32 ${params}) ${result}))`,
  );
  const dynCalls = types.map(
    ({ params, result, count }, at) => `
    (func (export "dynCall_${signatures[at]}") (param i32 ${params}) ${result}
      (call_indirect (param ${params}) ${result} ${Array.from({ length: count }, (_, arg) => `(local.get ${arg + 1})`).join(' ')} (local.get 0)))`,
  );
  const size = functions.length + 1;
  const place =
    table === 'export' ? `(table $table (export "__indirect_function_table") ${size} ${size} funcref)` : table;
  return `(module
    ${invokes.join('\n')}
    (import "env" "throwNumber" (func $throwNumber (param i32)))
    (import "env" "throwError" (func $throwError))
    (import "env" "log" (func $log (param i32)))
    (memory (export "memory") 1)
    ${place}
    (global $sp (mut i32) (i32.const 32768))
    (elem (table $table) (i32.const 1) func ${functions.join(' ')})
    (func (export "setThrew") (param i32 i32)
      (i32.store (i32.const 1024) (local.get 0)) (i32.store (i32.const 1028) (local.get 1)))
    (func (export "stackSave") (result i32) (global.get $sp))
    (func (export "stackRestore") (param i32) (global.set $sp (local.get 0)))
    (func (export "threw") (result i32) (i32.load (i32.const 1024)))
    ${dynCalls.join('\n')}
    ${fields})`;
}

const TYPES: Readonly<Record<string, string>> = { i: 'i32', j: 'i64', f: 'f32', d: 'f64' };

function wasmType(signature: string): { readonly params: string; readonly result: string; readonly count: number } {
  const [first = 'v', ...rest] = signature;
  const result = TYPES[first];
  return {
    params: rest.map((letter) => TYPES[letter]).join(' '),
    result: result === undefined ? '' : `(result ${result})`,
    count: rest.length,
  };
}
