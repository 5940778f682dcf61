import type { FuncIdx, LocalIdx, TypeIdx, ValType } from '../../binary/types.ts';
import { isRef, refType } from '../../binary/types.ts';
import { RefusedError } from '../../errors.ts';
import { Asm, type Locals } from '../../lower/asm.ts';
import type { Code } from '../../lower/build.ts';
import { UNWINDING } from '../../lower/interface.ts';
import { CATCHES, FRAME, STACK, T } from '../../lower/runtime-types.ts';
import type { Lowering } from './lowering.ts';
import { frameType } from './stubs.ts';

/** Engines' limit on the fields of a struct, less those every frame has. */
const MAX_SAVED = 9_990;

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
  /** Whether some resume point lies in a `try_table`. */
  readonly anyCatches: boolean;
}

/**
 * Puts around a body what reads its frame back when it is re-entered, and what saves it when it unwinds.
 *
 * @throws RefusedError where a result type has no value that an unwinding function could return
 */
export function withFrame(lowering: Lowering, func: Unwindable): Code {
  const { build, stubs, state } = lowering;
  const { params, locals, point, left } = func;
  const saved = [...func.saved].sort((a, b) => a - b) as LocalIdx[];
  if (saved.length > MAX_SAVED) {
    throw new RefusedError(`more than ${MAX_SAVED} values live across suspensions`, {
      offset: func.at,
      func: func.index,
    });
  }
  const typeOf = (local: LocalIdx): ValType => params[local] ?? (locals.declared[local - params.length] as ValType);
  const type = frameType(build, saved.map(typeOf));
  const frame = locals.add(refType(type, true));
  const asm = new Asm();
  asm.pushAll(func.body.slice(0, func.entry));
  asm.globalGet(state.shared('current')).structGet(T.stack, STACK.top).cast(refType(type, false)).tee(frame);
  asm.structGet(type, FRAME.point);
  if (func.anyCatches) asm.i32(~CATCHES).do('i32.and');
  asm.set(point);
  for (const [index, local] of saved.entries()) {
    asm.get(frame).structGet(type, FRAME.locals + index);
    const declared = typeOf(local);
    if (isRef(declared) && !declared.nullable) asm.do('ref.as_non_null');
    asm.set(local);
  }
  asm.pushAll(func.body.slice(func.entry));
  asm.get(frame).do('ref.is_null').open('if');
  const reentry = build.declare(stubs.reentry(func.index, func.type, `${func.index}`));
  asm.null(T.frame).op('ref.func', { func: reentry }).get(left);
  for (const local of saved) asm.get(local);
  asm.structNew(type).call(stubs.runtime.save).else();
  asm.i32(UNWINDING.kept).globalSet(state.shared('unwinding'));
  asm.get(frame).get(left).structSet(type, FRAME.point);
  for (const [index, local] of saved.entries()) {
    asm.get(frame).get(local);
    asm.structSet(type, FRAME.locals + index);
  }
  asm.close();
  for (const result of func.results) {
    const code = stubs.dummies.of(result);
    if (code === null) {
      const where = { offset: func.at, func: func.index };
      throw new RefusedError('a function whose result type has no value cannot unwind', where);
    }
    asm.pushAll(code);
  }
  return { locals: locals.declared, body: asm.out };
}
