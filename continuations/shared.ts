import { encode, refType, type ValType } from '../asyncify/binary/index.ts';
import type { Module } from '../asyncify/binary/module.ts';
import type { GlobalIdx } from '../asyncify/binary/types.ts';
import { made } from '../asyncify/lower/asm.ts';
import type { Brand } from '../asyncify/lower/brand.ts';
import { zero } from '../asyncify/lower/dummies.ts';
import { SHARED_GLOBALS, SLOT_TYPES, type SlotClass, slotName } from '../asyncify/lower/interface.ts';
import { runtimeGroup, T } from '../asyncify/lower/runtime-types.ts';

/** Slots of one class that are made together. */
const SLOTS_AT_ONCE = 16;

interface Entry {
  readonly name: string;
  readonly type: ValType;
  readonly mutable: boolean;
}

const isException = (type: ValType): boolean => typeof type === 'object' && type.heap === 'exn';

/**
 * The state that the linked modules of one store share: the globals of asyncify/lower/interface.ts, made in small
 * modules when a program first imports them (JavaScript cannot make all of them, and an engine may lack exnref).
 */
export class SharedState {
  readonly brand: Brand;
  readonly #globals = new Map<string, WebAssembly.Global>();

  /** @param brand of the modules that share it */
  constructor(brand: Brand) {
    this.brand = brand;
  }

  /** The global of this name, or undefined where the runtime has none. */
  get(name: string): WebAssembly.Global | undefined {
    const known = this.#globals.get(name);
    if (known !== undefined) return known;
    const entries = group(name);
    if (entries === null) return undefined;
    const module = new WebAssembly.Module(globalsModule(entries, this.brand));
    for (const [key, global] of Object.entries(new WebAssembly.Instance(module).exports)) {
      this.#globals.set(key, global as WebAssembly.Global);
    }
    return this.#globals.get(name);
  }

  /** A new identity for a control tag. */
  newTag(): WebAssembly.Global {
    const module = new WebAssembly.Module(
      globalsModule([{ name: 'tag', type: refType(T.tag, false), mutable: false }], this.brand),
    );
    return new WebAssembly.Instance(module).exports.tag as WebAssembly.Global;
  }
}

/** The globals that are made together with one. */
function group(name: string): Entry[] | null {
  const slot = /^slot\.([a-z0-9]+)\.(\d+)$/.exec(name);
  if (slot !== null) {
    const slotClass = slot[1] as SlotClass;
    const type = SLOT_TYPES[slotClass];
    if (type === undefined) return null;
    const first = Number(slot[2]) - (Number(slot[2]) % SLOTS_AT_ONCE);
    return Array.from({ length: SLOTS_AT_ONCE }, (_, at) => ({
      name: slotName(slotClass, first + at),
      type,
      mutable: true,
    }));
  }
  const shared = Object.entries(SHARED_GLOBALS).map(([key, type]): Entry => ({ name: key, type, mutable: true }));
  shared.push({ name: 'fresh', type: refType(T.stack, false), mutable: false });
  for (const name of ['yielded', 'blocked']) shared.push({ name, type: refType(T.tag, false), mutable: false });
  const wanted = shared.find((entry) => entry.name === name);
  if (wanted === undefined) return null;
  return shared.filter((entry) => isException(entry.type) === isException(wanted.type));
}

function globalsModule(entries: readonly Entry[], brand: Brand): Uint8Array<ArrayBuffer> {
  const init = (type: ValType) => {
    if (typeof type !== 'object') return zero(type);
    if (type.nullable || typeof type.heap !== 'number') return made('ref.null', { heap: type.heap });
    return made('struct.new_default', { type: type.heap });
  };
  const module: Module = {
    recGroups: [runtimeGroup(brand)],
    imports: [],
    funcs: [],
    tables: [],
    memories: [],
    tags: [],
    globals: entries.map(({ type, mutable }) => ({ type: { type, mutable }, init: [init(type)], at: -1 })),
    exports: entries.map(({ name }, index) => ({ name, kind: 'global', index: index as GlobalIdx, at: -1 })),
    start: null,
    startAt: -1,
    elems: [],
    datas: [],
    dataCount: false,
    customs: [],
  };
  return encode(module);
}
