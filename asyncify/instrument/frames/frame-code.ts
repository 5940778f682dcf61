import type { FuncIdx, LocalIdx, TypeIdx, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { RefusedError } from '../../errors.ts';
import { Asm, type Locals } from '../../lower/asm.ts';
import type { Code } from '../../lower/build.ts';
import { UNWINDING } from '../../lower/interface.ts';
import { FRAME, frameSize, POINT, STACK, T } from '../../lower/runtime-types.ts';
import type { Lowering } from './lowering.ts';
import { frameType } from './stubs.ts';

/** Engines' limit on the fields of a struct, less those every frame has. */
const MAX_SAVED = 9_990;

/**
 * What a translated function is for. `whole`: it is called and re-entered. `first`: it is only called; `again` is what will be
 * re-entered; `counted`: it is this function, which has a parameter more than its source, and what the program calls hands it on.
 * `again`: it is only re-entered, and finds its frame there.
 */
export type Part =
  | { readonly kind: 'whole' }
  | { readonly kind: 'first'; readonly again: FuncIdx; readonly counted: FuncIdx | null }
  | { readonly kind: 'again'; readonly self: FuncIdx };

/** A translated body that ends by falling through to the code that saves its frame. */
export interface Unwindable {
  readonly index: FuncIdx;
  /** Its source type. */
  readonly type: TypeIdx;
  /** Offset of the source's body. */
  readonly at: number;
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  readonly locals: Locals;
  readonly body: Asm['out'];
  /** Where in it the frame is to be read back. */
  readonly entry: number;
  /** The locals some resume point needs. */
  readonly saved: ReadonlySet<number>;
  /** Takes the resume point of the frame that is read back. */
  readonly point: LocalIdx;
  /** Holds the resume point of the frame to be saved. */
  readonly left: LocalIdx;
  readonly part: Part;
}

/**
 * Puts around a body what reads its frame back when it is re-entered, and what saves it when it unwinds.
 *
 * @throws RefusedError where a result type has no value that an unwinding function could return
 */
export function withFrame(lowering: Lowering, func: Unwindable): Code {
  const { params, locals, part } = func;
  const saved = [...func.saved].sort((a, b) => a - b) as LocalIdx[];
  if (saved.length > MAX_SAVED) {
    throw new RefusedError(`more than ${MAX_SAVED} values live across suspensions`, {
      offset: func.at,
      func: func.index,
    });
  }
  const types = saved.map((local) => params[local] ?? (locals.declared[local - params.length] as ValType));
  const type = frameType(lowering.build, types);
  const asm = new Asm();
  if (part.kind === 'first') {
    asm.pushAll(func.body);
    saveNew(lowering, asm, func, type, types, saved);
  } else {
    const frame = locals.add(refType(type, true));
    asm.pushAll(func.body.slice(0, func.entry));
    read(lowering, asm, func, { type, types, saved, frame });
    asm.pushAll(func.body.slice(func.entry));
    if (part.kind === 'whole') {
      asm.get(frame).do('ref.is_null').open('if');
      saveNew(lowering, asm, func, type, types, saved);
      asm.else();
    }
    keep(lowering, asm, func, { type, types, saved, frame });
    if (part.kind === 'whole') asm.close();
  }
  for (const result of func.results) {
    const code = lowering.stubs.dummies.of(result);
    if (code === null) {
      const where = { offset: func.at, func: func.index };
      throw new RefusedError('a function whose result type has no value cannot unwind', where);
    }
    asm.pushAll(code);
  }
  return { locals: locals.declared, body: asm.out };
}

interface Frame {
  readonly type: TypeIdx;
  readonly saved: readonly LocalIdx[];
  /** Output types of those locals. */
  readonly types: readonly ValType[];
  /** Holds it; null where the function was not re-entered. */
  readonly frame: LocalIdx;
}

/** Emits the reading of the running stack's innermost frame. */
function read(lowering: Lowering, asm: Asm, func: Unwindable, { type, types, saved, frame }: Frame): void {
  const { state } = lowering;
  asm.globalGet(state.shared('current')).structGet(T.stack, STACK.top).cast(refType(type, false)).tee(frame);
  state.checks?.at(asm, 'entered', null, frame, reentryOf(lowering, func));
  asm.structGet(type, FRAME.point).i32(POINT).do('i32.and').set(func.point);
  for (const [index, local] of saved.entries()) {
    asm.get(frame).structGet(type, FRAME.locals + index);
    const declared = types[index] as ValType;
    if (isRef(declared) && !declared.nullable) asm.do('ref.as_non_null');
    asm.set(local);
  }
}

/** Emits the saving of a new frame. */
function saveNew(
  lowering: Lowering,
  asm: Asm,
  func: Unwindable,
  type: TypeIdx,
  types: readonly ValType[],
  saved: readonly LocalIdx[],
): void {
  asm
    .null(T.frame)
    .op('ref.func', { func: reentryOf(lowering, func) })
    .get(func.left)
    .i32(frameSize(types))
    .do('i32.or');
  for (const local of saved) asm.get(local);
  asm.structNew(type).call(lowering.stubs.runtime.save);
}

/** Who re-enters it. */
function reentryOf({ build, stubs }: Lowering, { part, index, type }: Unwindable): FuncIdx {
  const target = part.kind === 'first' ? part.again : part.kind === 'again' ? part.self : index;
  return build.declare(stubs.reentry(target, type, `${index}`, part.kind === 'whole'));
}

/** Emits the saving in the frame that was read back. */
function keep({ state }: Lowering, asm: Asm, func: Unwindable, { type, types, saved, frame }: Frame): void {
  asm.i32(UNWINDING.kept).globalSet(state.shared('unwinding'));
  asm.get(frame).get(func.left).i32(frameSize(types)).do('i32.or').structSet(type, FRAME.point);
  for (const [index, local] of saved.entries()) {
    asm.get(frame).get(local);
    asm.structSet(type, FRAME.locals + index);
  }
  state.checks?.at(asm, 'kept', null, frame);
}
