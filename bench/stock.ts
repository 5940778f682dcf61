import { decode, encode } from '../asyncify/binary/index.ts';
import { POLLS, withPolls } from './polls.ts';

type Binaryen = typeof import('binaryen').default;

/** The import that a poll calls. */
export const CHECK = { module: 'bench', name: 'yield' } as const;

/** Binaryen's Asyncify as it comes, `wasm-opt --asyncify -O2`: its own analysis, and whole stacks wound off and on. */
export interface Stock {
  /**
   * @param suspending the imports that suspend: `module.name`
   * @param polls whether the module gets yield points first: it then imports CHECK, and exports `POLLS.epoch`
   */
  instrument(source: Uint8Array, suspending: readonly string[], polls: boolean): Uint8Array<ArrayBuffer>;
}

export async function loadStock(): Promise<Stock> {
  const { default: binaryen } = await import('binaryen');
  return {
    instrument: (source, suspending, polls) =>
      polls
        ? asyncify(binaryen, encode(withPolls(decode(source))), [`${CHECK.module}.${CHECK.name}`, ...suspending])
        : asyncify(binaryen, source, suspending),
  };
}

const FEATURES = ['MutableGlobals', 'NontrappingFPToInt', 'BulkMemory', 'BulkMemoryOpt', 'SignExt'] as const;

function asyncify(binaryen: Binaryen, source: Uint8Array, suspending: readonly string[]): Uint8Array<ArrayBuffer> {
  // The package's types declare another function for this, which it does not have.
  const read = binaryen.readBinary as (data: Uint8Array, features: number) => ReturnType<Binaryen['readBinary']>;
  const features = FEATURES.reduce((all, name) => all | binaryen.Features[name], 0);
  const module = read(source, features);
  try {
    const check = module.getExport(POLLS.yield);
    if (check !== 0) {
      // Here, where functions have names: an import more would renumber all others.
      const { value } = binaryen.getExportInfo(check);
      module.removeExport(POLLS.yield);
      module.removeFunction(value);
      module.addFunctionImport(value, CHECK.module, CHECK.name, binaryen.none, binaryen.none);
    }
    binaryen.setOptimizeLevel(2);
    binaryen.setShrinkLevel(0);
    binaryen.setDebugInfo(false);
    binaryen.clearPassArguments();
    binaryen.setPassArgument('asyncify-imports', suspending.join(','));
    module.runPasses(['asyncify']);
    module.optimize();
    return new Uint8Array(module.emitBinary());
  } finally {
    module.dispose();
    binaryen.clearPassArguments();
  }
}
