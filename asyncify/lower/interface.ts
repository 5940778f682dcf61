import { refType, type ValType } from '../binary/types.ts';
import { T } from './runtime-types.ts';

/** The import module of everything the runtime provides. */
export const RUNTIME_MODULE = 'bobbin';

/** What linked modules export for the store beside the program's own exports. */
export const HIDDEN_EXPORTS = { raw: 'bobbin:raw:', tag: 'bobbin:tag:' } as const;

/**
 * What a module exports for a host that runs its functions inside continuations (engine/, Process). `$cont` is an opaque
 * object to JavaScript. By exported function: `new` `(params) -> $cont`, `results` `() -> results`. By imported function:
 * `answer` `(results) -> ()` sets what a suspended call of it will return. By exported mutable i32 global: `swap` `(i32) -> i32`
 * sets it and returns what it was, in a fraction of the time that JavaScript's access takes. And one each: `resume`
 * `($cont) -> i32` with an OUTCOME: unless that is `returned`, the object is what to resume next; `throw`
 * `($cont, externref) -> i32`, which throws a JavaScript value where it is suspended; `canSuspend` `() -> i32`, to be asked while
 * an import runs; the globals `fuel`, `epoch` and `pending`; `refuel` `(i32) -> i32`, the `swap` of `fuel`; `suspend` `() -> ()`, which
 * sets `pending`; `epochMemory`, the shared memory whose word at address 0 is polled in the place of `epoch`, where there is one; and
 * where the source has a start function that was not run at instantiation, `start` `() -> $cont`, a continuation that will; null
 * where it was, and from the second time on.
 *
 * Where nothing is exported as `__stack_pointer` and the module has a global that is it by all signs: that, `stackPointer`.
 *
 * Where the module can hand its own continuation objects to the host: `contType` `(any) -> i32`, the number of the object's type times
 * CONT_STATES plus its CONT_STATE, or -1 where the value is none that can be run; and by type `cont` `($ct, params) -> $cont`, which
 * consumes it, and `contResults` `() -> results`.
 */
export const HOST_EXPORTS = {
  new: (name: string): string => `bobbin:new:${name}`,
  results: (name: string): string => `bobbin:results:${name}`,
  answer: (func: number): string => `bobbin:answer:${func}`,
  swap: (global: string): string => `bobbin:swap:${global}`,
  resume: 'bobbin:resume',
  throw: 'bobbin:throw',
  canSuspend: 'bobbin:can-suspend',
  fuel: 'bobbin:fuel',
  epoch: 'bobbin:epoch',
  epochMemory: 'bobbin:epoch-memory',
  pending: 'bobbin:pending',
  refuel: 'bobbin:refuel',
  suspend: 'bobbin:suspend',
  start: 'bobbin:start',
  cont: (type: number): string => `bobbin:cont:${type}`,
  contResults: (type: number): string => `bobbin:cont-results:${type}`,
  contType: 'bobbin:cont-type',
  stackPointer: 'bobbin:stack-pointer',
} as const;

/** What `contType` finds of a continuation object. */
export const CONT_STATE = {
  /** It was suspended, or arguments were bound to it. */
  begun: 0,
  /** It has not begun, and comes from this instance, or one of the same store where that is linked. */
  own: 1,
  /** It has not begun, and comes from elsewhere: it cannot be run here. */
  foreign: 2,
  consumed: 3,
} as const;
export const CONT_STATES = Object.keys(CONT_STATE).length;

/** The import module of what waits and notifies in shared memories are lowered to; the host provides it. */
export const ATOMICS_MODULE = 'bobbin:atomics';
/**
 * Its functions: `memory.atomic.wait32`, `wait64` and `notify` (threads proposal). `memory` is the index of the memory in the
 * source (the manifest says which that is), `address` the byte in it, offset included, as an unsigned number. The word lies in
 * the memory, is aligned, and was `expected` just before the call. `timeout` is in nanoseconds, below 0 there is none. A wait is
 * 0 when it was woken, 1 where the word is another, 2 when the time was up, and may be suspended; a notify, which is not, says how
 * many it has woken, at most `count`, an unsigned number.
 */
export const ATOMICS = {
  /** `(memory, address, expected, timeout)` */
  wait32: { params: ['i32', 'i64', 'i32', 'i64'], results: ['i32'] },
  wait64: { params: ['i32', 'i64', 'i64', 'i64'], results: ['i32'] },
  /** `(memory, address, count)` */
  notify: { params: ['i32', 'i64', 'i32'], results: ['i32'] },
} as const satisfies Record<string, { readonly params: readonly ValType[]; readonly results: readonly ValType[] }>;
export type AtomicsName = keyof typeof ATOMICS;

/** How a continuation the host resumed came back. */
export const OUTCOME = {
  returned: 0,
  /** At a yield point. */
  yielded: 1,
  /** In a call of an import that set `pending`. */
  blocked: 2,
} as const;

/** The import of linked modules that poll a word in shared memory: all modules of a store poll the same one. */
export const EPOCH_IMPORT = 'epoch-memory';
/** The memory of that word; it never grows. */
export const EPOCH_PAGES = 1;

/** Imports from the runtime of modules that a process can run. */
export const PROCESS_IMPORTS = {
  /**
   * `() -> i32`: a poll finds a host frame between it and who runs it, so that it cannot suspend. The result is how many polls
   * may pass before it is asked again, where they are counted; below 0: trap. It may throw.
   */
  polled: 'polled',
  /** `() -> ()`: a call of an import is over; with a word of `epoch` polls that other threads set, while that is set. It may throw. */
  returned: 'returned',
  /** An immutable i32: not 0 where the start function is to be run at instantiation. */
  start: 'start',
} as const;

/** Imports from the runtime that are numbered: by an imported function or tag, or by slot class and index. */
export const hostFlag = (func: number): string => `host.${func}`;
/**
 * Stands among the imports for an imported function that takes or gives continuation objects: the host's gets handles of those at these
 * places of its arguments, and may give handles.
 */
export const handlesOf = (func: number, params: readonly number[]): string => `handles.${func}:${params.join()}`;
export const tagIdentity = (tag: number): string => `tag.${tag}`;
export const slotName = (slotClass: SlotClass, index: number): string => `slot.${slotClass}.${index}`;

/** Why the runtime traps; the number goes to the host, which words the error. */
export const TRAP = {
  consumed: 0,
  nullContinuation: 1,
  nullFunction: 2,
  nullException: 3,
  unhandled: 4,
  exhausted: 5,
  foreign: 6,
} as const;
export type TrapName = keyof typeof TRAP;

/** The import of modules made with the `checks` option. */
export const CHECK_IMPORT = 'check';
/**
 * The transitions at which it is called, as `(point, unwinding, level, reentering, slots empty, frame limit, current, subject,
 * other, func) -> ()`. What the subject and the other are stands with each; null where nothing does.
 */
export const CHECK = {
  /** Guest code goes on after a call. Called only where something is wrong, like `start` and `unbalanced`. */
  guest: 0,
  /** A function starts. */
  start: 1,
  /** A driver finds another level than it began with. */
  unbalanced: 2,
  /** A continuation has been consumed: it, its stack. */
  consumed: 3,
  /** A stack was made for a body that has not run: it. */
  fresh: 4,
  /** `cont.bind` has pushed arguments: the stack. */
  bound: 5,
  /** A chain is about to be run: its innermost stack, its outermost one. */
  resumed: 6,
  /** A frame is about to be re-entered: the stack, the frame. */
  entering: 7,
  /** A function has found its frame: the frame, and who re-enters the function. */
  entered: 8,
  /** What was re-entered has returned or unwound: the stack, the frame. */
  left: 9,
  /** An exception has left it: the stack, the frame. */
  caught: 10,
  /** Nothing of a stack is left to run: it. */
  finished: 11,
  /** A suspension starts to unwind the running stack. */
  suspended: 12,
  /** A new frame hangs on a stack: it, the frame. */
  saved: 13,
  /** A re-entered function has saved itself in its old frame: the frame. */
  kept: 14,
  /** A chain has been cut off: its innermost stack, its outermost one. */
  captured: 15,
  /** The host has called, or an import is about to be. */
  hostEntered: 16,
  hostCalling: 17,
  /** What the host called is about to return to it, or an import has returned. */
  hostLeft: 18,
  hostReturned: 19,
  /** As `hostLeft`, for what leaves the results of a continuation in the slots. */
  hostResumed: 20,
  /** The host's continuation object has its next stack: it. */
  renewed: 21,
  /** A stack was made for the activations that the host has called: it. */
  based: 22,
} as const;
export type CheckName = keyof typeof CHECK;

export type SlotClass = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'any' | 'func' | 'extern' | 'exn';
/** The type of the slots of a class. */
export const SLOT_TYPES: Record<SlotClass, ValType> = {
  i32: 'i32',
  i64: 'i64',
  f32: 'f32',
  f64: 'f64',
  v128: 'v128',
  any: refType('any', true),
  func: refType('func', true),
  extern: refType('extern', true),
  exn: refType('exn', true),
};

/** How far the running stack has been unwound. */
export const UNWINDING = {
  /** Nothing is being unwound. */
  no: 0,
  /** No frame of this stack has been saved yet. */
  begun: 1,
  /** New frames have been saved on this stack. */
  saved: 2,
  /** The function being re-entered has saved itself in its old frame: nothing of this stack is left to save. */
  kept: 3,
} as const;

/** Set in `hops`, so that a plain suspension to the nearest `resume` is 0. */
export const HOPS = {
  /** It is a `switch`: `other` goes on. */
  switched: 1 << 30,
  /** A driver has passed it on: `leaf` is the stack that suspended. */
  forwarded: 1 << 31,
  /** Nothing suspends: whoever runs at the bottom of the native stack goes on at once. */
  deep: 1 << 29,
  distance: (1 << 29) - 1,
} as const;

/** What `base` is where the host has not called a guest. */
export const BASE = {
  none: 0,
  /** An import runs. */
  host: -1,
} as const;
/** What `room` is counted in, bytes: small numbers make short code, and engines inline what is short. */
export const ROOM_UNIT = 32;
/** The most that activations may be given of the native stack, in that unit. */
export const MOST_ROOM = 1 << 19;
/** The import that says how many they are given. */
export const NATIVE_STACK_IMPORT = 'native-stack';

/** The runtime's globals that every linked module shares, with their types. */
export const SHARED_GLOBALS = {
  /** Not 0 while native activations are being turned into frames; see UNWINDING. */
  unwinding: 'i32',
  /** How many drivers run since the host was last entered; 0: no stack is running, whatever `current` still says. */
  level: 'i32',
  /** The running stack; its parents are the stack chain. */
  current: refType(T.stack, true),
  /** The frame saved last on the running stack, where that is not its innermost. */
  tail: refType(T.frame, true),
  /** How many stacks outward of the one that is unwinding the handler's is; with bits of HOPS. */
  hops: 'i32',
  /** The clause that handles the suspension. */
  index: 'i32',
  /** What a `switch` goes on with; null for a `suspend`. */
  other: refType(T.stack, true),
  /** The stack that suspended, where not the driver that runs it captures it; for a re-entered `resume` the captured one. */
  leaf: refType(T.stack, true),
  /** What a re-entered `resume` site finds: 0 returned, n + 1 suspended with clause n. */
  outcome: 'i32',
  /** How many more polls pass before the guest yields; below 0: it yields at each. */
  fuel: 'i32',
  /** Not 0: the guest yields at its next poll. */
  epoch: 'i32',
  /** A poll could not suspend, as a host frame was between; the next poll behind that frame is to. */
  asked: 'i32',
  /** An import sets it to have the call that it is in suspended once it returns. */
  pending: 'i32',
  /** While an import runs: the stack that called it. */
  calling: refType(T.stack, true),
  /** What activations may still take of the native stack before they are turned into frames, in ROOM_UNITs. */
  room: 'i32',
  /** What `room` was when the host called, where that can be gone on with from there; see BASE for other values. */
  base: 'i32',
  /** Not 0: the store has modules that do not know of `room`; native stacks then get as deep as the engine lets them. */
  mixed: 'i32',
  /** The exception a re-entered frame has to throw first. */
  exception: refType('exn', true),
} satisfies Record<string, ValType>;
export type SharedName = keyof typeof SHARED_GLOBALS;
