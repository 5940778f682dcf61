import type { Limits } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import type { FuncIdx, GlobalIdx, MemIdx, RefType, TypeIdx, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { Asm, made } from '../../lower/asm.ts';
import type { Build } from '../../lower/build.ts';
import { zero } from '../../lower/dummies.ts';
import {
  EPOCH_IMPORT,
  EPOCH_PAGES,
  NATIVE_STACK_IMPORT,
  PROCESS_IMPORTS,
  SHARED_GLOBALS,
  type SharedName,
  SLOT_TYPES,
  type SlotClass,
  slotName,
  TRAP,
  type TrapName,
  tagIdentity,
} from '../../lower/interface.ts';
import { RUNTIME_TYPES, T } from '../../lower/runtime-types.ts';
import type { EpochWord, Poll } from '../polls.ts';
import { Checks } from './checks.ts';

const EPOCH_MEMORY: Limits = { address: 'i32', min: BigInt(EPOCH_PAGES), max: BigInt(EPOCH_PAGES), shared: true };

/** `closed`: the module links to no other transformed one and keeps the runtime's state to itself. `linked`: the store has it. */
export type Linking = 'closed' | 'linked';

export interface StateOptions {
  /** What yield points ask; null or left out: there are none. */
  readonly poll?: Poll | null;
  /** Calls of imports of this module can be suspended. */
  readonly suspending?: boolean;
  /** Activations are turned into frames before the native stack is full. */
  readonly deep?: boolean;
  /** This is a test build. */
  readonly checks?: boolean;
}

/** The globals and the slots of the runtime, as seen from one module. */
export class RuntimeState {
  readonly build: Build;
  readonly linking: Linking;
  /** Whether exceptions can pass through frames; without them the output needs no exnref from the engine. */
  readonly exceptions: boolean;
  readonly #epochWord: EpochWord;
  #epochMemory: MemIdx | null = null;
  /** Null unless this is a test build. */
  readonly checks: Checks | null;
  /** What this module's yield points ask; null: it has none. */
  readonly poll: Poll | null;
  /** Whether calls of imports can be suspended: this module's, or those of others that it is linked with. */
  readonly suspendsCalls: boolean;
  /** Whether activations are turned into frames before the native stack is full. */
  readonly deep: boolean;
  /** The slots of references there are so far. */
  readonly referenceSlots = new Set<GlobalIdx>();

  constructor(build: Build, linking: Linking, exceptions: boolean, epochWord: EpochWord, more: StateOptions = {}) {
    this.build = build;
    this.linking = linking;
    this.poll = more.poll ?? null;
    this.suspendsCalls = more.suspending === true || linking === 'linked';
    this.exceptions = exceptions;
    this.deep = more.deep === true;
    this.#epochWord = epochWord;
    this.checks = more.checks === true ? new Checks(this) : null;
  }

  /** The memory with the word that `epoch` polls look at; null: it is in a global. Added when it is first asked for. */
  get epochMemory(): MemIdx | null {
    if (this.#epochWord === 'global') return null;
    this.#epochMemory ??=
      this.linking === 'linked'
        ? this.build.importMemory(EPOCH_IMPORT, EPOCH_MEMORY)
        : this.build.addMemory(EPOCH_MEMORY);
    return this.#epochMemory;
  }
  /**
   * Emits `[] -> [i32]`: the word of `epoch` polls. A plain load does, as an engine cannot keep its value across the call that a
   * poll may make; an atomic one costs more.
   */
  epoch(asm: Asm): void {
    const memory = this.epochMemory;
    if (memory === null) asm.globalGet(this.shared('epoch'));
    else asm.i32(0).op('i32.load', { memarg: { align: 2, memory, offset: 0n } });
  }

  /** Emits `[] -> []`: has the next poll say that it is to yield. */
  requestYield(asm: Asm): void {
    this.#setPoll(asm, -1, 1);
  }
  /** Emits `[] -> []`: what the word of `epoch` polls asks is about to be looked after. Who asks later sets it after this. */
  clearEpoch(asm: Asm): void {
    if (this.poll === 'epoch') this.#setPoll(asm, 0, 0);
  }
  #setPoll(asm: Asm, fuel: number, word: number): void {
    const memory = this.poll === 'epoch' ? this.epochMemory : null;
    if (this.poll === 'fuel') asm.i32(fuel).globalSet(this.shared('fuel'));
    else if (memory === null) asm.i32(word).globalSet(this.shared('epoch'));
    // Other threads set it as well: what they have done before has to be seen after this.
    else
      asm
        .i32(0)
        .i32(word)
        .op('i32.atomic.store', { memarg: { align: 2, memory, offset: 0n } });
  }
  /**
   * Emits `[] -> []`, what follows a call of the host's: who runs the guest looks at the time and for signals. The next poll may be many
   * such calls away. Where another thread sets the word, that tells when there is something to look at.
   */
  lookAfterCall(asm: Asm): void {
    if (this.poll === null) return;
    const tells = this.poll === 'epoch' && this.epochMemory !== null;
    if (tells) {
      this.epoch(asm);
      asm.openUnlikely();
    }
    asm.call(this.hook('returned'));
    if (tells) asm.close();
  }
  readonly #hooks = new Map<string, FuncIdx>();
  /** The import that a poll calls where it cannot suspend, or that a host call is followed by. */
  hook(name: 'polled' | 'returned'): FuncIdx {
    let func = this.#hooks.get(name);
    if (func === undefined) {
      func = this.build.importFunc(PROCESS_IMPORTS[name], this.build.funcType([], name === 'polled' ? ['i32'] : []));
      this.#hooks.set(name, func);
    }
    return func;
  }
  /** Emits a new stack with the frame on the operand stack. */
  newStackOf(asm: Asm): void {
    asm.null(T.stack).null(T.handler).null(T.stack).i32(1).i32(0).structNew(T.stack);
  }
  /** Emits a new stack without frames. */
  newStack(asm: Asm): void {
    asm.op('struct.new_default', { type: T.stack });
  }

  shared(name: SharedName): GlobalIdx {
    const known = this.#shared.get(name);
    if (known !== undefined) return known;
    const type = SHARED_GLOBALS[name];
    const init = isRef(type) ? made('ref.null', { heap: type.heap }) : zero(type);
    const global = this.#global(name, { type, mutable: true }, init);
    this.#shared.set(name, global);
    return global;
  }
  readonly #shared = new Map<SharedName, GlobalIdx>();
  /** The stack of every continuation that has not run yet. */
  get fresh(): GlobalIdx {
    const type = { type: refType(T.stack, false), mutable: false };
    return this.#global('fresh', type, made('struct.new_default', { type: T.stack }));
  }
  /** This module's own copy of `unwinding`, read after calls that stay inside; the same global in a closed module. */
  get unwinding(): GlobalIdx {
    if (this.linking === 'closed') return this.shared('unwinding');
    this.#unwinding ??= this.build.addGlobal({ type: 'i32', mutable: true }, [zero('i32')], 'own unwinding');
    return this.#unwinding;
  }
  #unwinding: GlobalIdx | null = null;
  /** 1 where a function of this module is being re-entered: its frame is the innermost of the running stack. */
  get reentering(): GlobalIdx {
    this.#reentering ??= this.build.addGlobal({ type: 'i32', mutable: true }, [zero('i32')], 'reentering');
    return this.#reentering;
  }
  #reentering: GlobalIdx | null = null;
  /** How large the frames of a stack may be, in FRAME_UNITs. */
  get stackLimit(): GlobalIdx {
    return this.build.importGlobal('stack-limit', { type: 'i32', mutable: false });
  }
  get frameLimit(): GlobalIdx {
    return this.build.importGlobal('frame-limit', { type: 'i32', mutable: false });
  }

  /** How many bytes of native stack activations may take. */
  get nativeStack(): GlobalIdx {
    return this.build.importGlobal(NATIVE_STACK_IMPORT, { type: 'i32', mutable: false });
  }

  #trap: FuncIdx | null = null;
  /** Emits a trap with a message of the runtime's. */
  trap(asm: Asm, name: TrapName): void {
    this.#trap ??= this.build.importFunc('trap', this.build.funcType(['i32'], []));
    asm.i32(TRAP[name]).call(this.#trap).do('unreachable');
  }

  #global(name: string, type: { type: ValType; mutable: boolean }, init: Instr): GlobalIdx {
    if (this.linking === 'linked') return this.build.importGlobal(name, type);
    return this.build.addGlobal(type, [init], `runtime ${name}`);
  }

  // ---- slots: payloads and results travel in globals, one list a class of types

  #classOf(type: ValType): SlotClass {
    if (!isRef(type)) return type;
    const { heap } = type;
    if (typeof heap === 'number') {
      if (heap < RUNTIME_TYPES) return heap === T.reenter ? 'func' : 'any';
      const source = (heap - RUNTIME_TYPES) as TypeIdx;
      return this.build.info.comp(source).kind === 'func' ? 'func' : 'any';
    }
    switch (heap) {
      case 'func':
      case 'nofunc':
        return 'func';
      case 'extern':
      case 'noextern':
        return 'extern';
      case 'exn':
      case 'noexn':
        return 'exn';
      default:
        return 'any';
    }
  }
  #slots(types: readonly ValType[]): GlobalIdx[] {
    const used = new Map<SlotClass, number>();
    return types.map((type) => {
      const slotClass = this.#classOf(type);
      const index = used.get(slotClass) ?? 0;
      used.set(slotClass, index + 1);
      const slotType = SLOT_TYPES[slotClass];
      const slot = this.#global(
        slotName(slotClass, index),
        { type: slotType, mutable: true },
        isRef(slotType) ? made('ref.null', { heap: slotType.heap }) : zero(slotType),
      );
      if (isRef(slotType)) this.referenceSlots.add(slot);
      return slot;
    });
  }
  /** Emits code that pops values of these output types (the last on top) into their slots. */
  store(asm: Asm, types: readonly ValType[]): void {
    for (const slot of this.#slots(types).reverse()) asm.globalSet(slot);
  }
  /** Emits code that pops only the last of these types into its slot. */
  storeLast(asm: Asm, types: readonly ValType[]): void {
    const slot = this.#slots(types).at(-1);
    if (slot !== undefined) asm.globalSet(slot);
  }
  /** Emits code that pushes the values in the slots of these output types; emptied reference slots keep nothing alive. */
  load(asm: Asm, types: readonly ValType[]): void {
    const slots = this.#slots(types);
    types.forEach((type, index) => {
      const slot = slots[index] as GlobalIdx;
      asm.globalGet(slot);
      if (!isRef(type)) return;
      const slotType = SLOT_TYPES[this.#classOf(type)] as RefType;
      if (type.heap !== slotType.heap) {
        // There is no cast in the exception hierarchy, and its bottom has no value but null.
        if (type.heap === 'noexn') asm.do('drop', ...(type.nullable ? [] : (['unreachable'] as const))).null('noexn');
        else asm.cast(type);
        if (type.heap === 'noexn' && !type.nullable) asm.do('ref.as_non_null');
      } else if (!type.nullable) asm.do('ref.as_non_null');
      asm.null(slotType.heap).globalSet(slot);
    });
  }

  // ---- tags

  /** The tag with which a guest suspends to the host that runs it: at a yield point, or in a call of an import. */
  hostTag(name: 'yielded' | 'blocked'): GlobalIdx {
    const type = { type: refType(T.tag, false), mutable: false };
    return this.#global(name, type, made('struct.new_default', { type: T.tag }));
  }
  #raise: FuncIdx | null = null;
  /** `[externref] -> []`: the host throws the value. */
  get raise(): FuncIdx {
    this.#raise ??= this.build.importFunc('raise', this.build.funcType([refType('extern', true)], []));
    return this.#raise;
  }

  readonly #tags = new Map<number, GlobalIdx>();
  /** The global that holds the identity of a tag: Wasm cannot compare tags. */
  tag(index: number): GlobalIdx {
    const known = this.#tags.get(index);
    if (known !== undefined) return known;
    const type = { type: refType(T.tag, false), mutable: false };
    const imported = index < this.build.info.importedTags;
    const global = imported
      ? this.build.importGlobal(tagIdentity(index), type)
      : this.build.addGlobal(type, [made('struct.new_default', { type: T.tag })]);
    this.#tags.set(index, global);
    return global;
  }
}

/** Emits into a fresh assembler and returns the code. */
export function assemble(emit: (asm: Asm) => void): Instr[] {
  const asm = new Asm();
  emit(asm);
  return asm.out;
}
