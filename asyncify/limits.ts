import type { EncodableModule } from './binary/index.ts';
import { RefusedError } from './errors.ts';

/**
 * What engines take at most (WebAssembly JavaScript API, "Implementation-defined Limits"; V8 has them as they are there). Several
 * more limits are those of validation (validate/limits.ts): the transform makes nothing that is larger than the source has it.
 */
export const ENGINE_LIMITS = {
  types: 1_000_000,
  functions: 1_000_000,
  imports: 1_000_000,
  exports: 1_000_000,
  globals: 1_000_000,
  tags: 1_000_000,
  tables: 100_000,
  memories: 100,
  'data segments': 100_000,
  params: 1_000,
  results: 1_000,
  fields: 10_000,
  /** In bytes of UTF-8. */
  name: 100_000,
  /** In bytes: locals and instructions. */
  body: 7_654_321,
  /** Parameters included. */
  locals: 50_000,
  /** In bytes. */
  module: 1_073_741_824,
} as const;

export type EngineLimits = { readonly [L in keyof typeof ENGINE_LIMITS]: number };

type Counted = Extract<
  keyof EngineLimits,
  'types' | 'functions' | 'imports' | 'exports' | 'globals' | 'tags' | 'tables' | 'memories' | 'data segments'
>;

/**
 * Checks that a finished module is not larger than engines take.
 *
 * @throws RefusedError naming the limit
 */
export function checkOutput(module: EncodableModule, limits: EngineLimits = ENGINE_LIMITS): void {
  const counts: { [C in Counted]: number } = {
    types: module.recGroups.reduce((sum, group) => sum + group.length, 0),
    functions: module.funcs.length,
    imports: module.imports.length,
    exports: module.exports.length,
    globals: module.globals.length,
    tags: module.tags.length,
    tables: module.tables.length,
    memories: module.memories.length,
    'data segments': module.datas.length,
  };
  for (const { desc } of module.imports) if (desc.kind !== 'func') counted(counts, IMPORTED[desc.kind]);
  const importedFuncs = module.imports.filter(({ desc }) => desc.kind === 'func').length;
  counted(counts, 'functions', importedFuncs);
  for (const [what, count] of Object.entries(counts) as [Counted, number][]) checkCount(what, count, limits);
  checkTypes(module, limits);
  const utf8 = new TextEncoder();
  for (const { name, at } of module.exports) {
    // A character is three bytes at most.
    if (name.length * 3 <= limits.name) continue;
    const { length } = utf8.encode(name);
    if (length > limits.name) tooMany(`a name of ${length} bytes among the exports`, limits.name, at);
  }
}

/** Checks one of the counts of `checkOutput`. @throws RefusedError naming the limit */
export function checkCount(what: Counted, count: number, limits: EngineLimits = ENGINE_LIMITS): void {
  if (count > limits[what]) tooMany(`${count} ${what}`, limits[what]);
}

const IMPORTED = { global: 'globals', table: 'tables', memory: 'memories', tag: 'tags' } as const;

function counted(counts: { [C in Counted]: number }, what: Counted, more = 1): void {
  counts[what] += more;
}

function checkTypes(module: EncodableModule, limits: EngineLimits): void {
  for (const group of module.recGroups) {
    for (const { comp, at } of group) {
      if (comp.kind === 'func') {
        const { params, results } = comp;
        if (params.length > limits.params)
          tooMany(`a function type with ${params.length} parameters`, limits.params, at);
        if (results.length > limits.results)
          tooMany(`a function type with ${results.length} results`, limits.results, at);
      } else if (comp.kind === 'struct' && comp.fields.length > limits.fields) {
        tooMany(`a struct type with ${comp.fields.length} fields`, limits.fields, at);
      }
    }
  }
}

/** Where engines' limit on the bytes of a module is passed. @throws RefusedError */
export function checkSize(bytes: number, limits: EngineLimits = ENGINE_LIMITS): void {
  if (bytes > limits.module) tooMany(`${bytes} bytes`, limits.module);
}

function tooMany(what: string, limit: number, at = -1): never {
  throw new RefusedError(`the output would have ${what}: the limit of engines is ${limit}`, {
    offset: Math.max(at, 0),
  });
}

/** Refuses a function whose body in the output is larger than engines take. */
export function refuseBody(where: {
  readonly offset: number;
  readonly func?: number;
  readonly instruction?: string;
}): never {
  const message = `the translated function is too large: the limit of engines is ${ENGINE_LIMITS.body} bytes`;
  throw new RefusedError(message, where);
}
