import type { Instr, OpName } from '../../binary/opcodes.ts';
import type { FuncIdx, LocalIdx } from '../../binary/types.ts';
import { Asm, type Label, Locals } from '../../lower/asm.ts';
import type { Code } from '../../lower/build.ts';
import type { ModuleInfo } from '../../validate/index.ts';
import { type Bulk, countFor } from './bulk.ts';

type Num = 'i32' | 'i64';

/** The function that polls, and takes what its poll costs: `[i32] -> []`. */
export interface Charging {
  readonly func: FuncIdx;
  /** Work that one unit of fuel stands for is `1 << shift`. */
  readonly shift: number;
}

/**
 * The function that does what a bulk instruction does, on the same operands, with a poll after each piece of `piece` work.
 *
 * What the instruction would trap for is found before anything is written: where all of it is sure to be in bounds it is
 * cut, elsewhere it is done as it is. Pieces are done from the end, so that the first traps if any does; but for copies that
 * overlap the other way round, which are looked at before.
 */
export function bulkHelper(info: ModuleInfo, bulk: Bulk, piece: number, charging: Charging): Code {
  return new Helper(info, bulk, countFor(piece, bulk), charging).code();
}

class Helper {
  readonly #info: ModuleInfo;
  readonly #bulk: Bulk;
  readonly #piece: number;
  readonly #charging: Charging;
  readonly #asm = new Asm();
  readonly #locals: Locals;
  readonly #type: Num;
  readonly #count: LocalIdx;

  constructor(info: ModuleInfo, bulk: Bulk, piece: number, charging: Charging) {
    this.#info = info;
    this.#bulk = bulk;
    this.#piece = piece;
    this.#charging = charging;
    this.#locals = new Locals(bulk.params.length);
    this.#count = this.#locals.param(bulk.count);
    this.#type = bulk.params[bulk.count] as Num;
  }

  code(): Code {
    if (this.#bulk.divisible) this.#pieces();
    this.#whole();
    chargeFor(this.#asm, this.#type, () => this.#asm.get(this.#count), this.#bulk, this.#charging);
    return { locals: this.#locals.declared, body: this.#asm.out };
  }

  #whole(): void {
    this.#bulk.params.forEach((_, index) => {
      this.#asm.get(this.#locals.param(index));
    });
    this.#asm.push({ ...this.#bulk.instr, at: -1 } as Instr);
  }

  #const(type: Num, value: number): void {
    if (type === 'i32') this.#asm.i32(value | 0);
    else this.#asm.op('i64.const', { i64: BigInt(value) });
  }
  #do(type: Num, op: string): void {
    this.#asm.do(`${type}.${op}` as OpName);
  }
  /** Emits a number of one type as another, which is not narrower. */
  #get(local: LocalIdx, from: Num, to: Num): void {
    this.#asm.get(local);
    if (from === 'i32' && to === 'i64') this.#asm.do('i64.extend_i32_u');
  }
  #typeOf(param: number): Num {
    return this.#bulk.params[param] as Num;
  }

  /** Returns where it has done all in pieces. */
  #pieces(): void {
    const asm = this.#asm;
    const { starts, copies } = this.#bulk;
    const left = this.#locals.add(this.#type);
    const size = this.#locals.add(this.#type);
    const whole = asm.open('block');
    asm.get(this.#count);
    this.#const(this.#type, this.#piece);
    this.#do(this.#type, 'le_u');
    asm.brIf(whole);
    for (const start of starts) this.#wraps(start.param, start.scale, whole);
    asm.get(this.#count).set(left);
    if (copies) {
      const [to, from] = starts.map(({ param }) => param) as [number, number];
      this.#get(this.#locals.param(to), this.#typeOf(to), 'i64');
      this.#get(this.#locals.param(from), this.#typeOf(from), 'i64');
      asm.do('i64.le_u').open('if');
      this.#outOfBounds(to, 0, whole);
      this.#outOfBounds(from, 1, whole);
      this.#loop(left, size, 'forward');
      asm.do('return').close();
    }
    this.#loop(left, size, 'backward');
    asm.do('return').close();
  }

  /** Branches where the last byte or element has no number of the operand's type. */
  #wraps(param: number, scale: number, whole: Label): void {
    const asm = this.#asm;
    const local = this.#locals.param(param);
    const type = this.#typeOf(param);
    if (scale > 1) {
      this.#get(local, type, 'i64');
      this.#get(this.#count, this.#type, 'i64');
      asm
        .op('i64.const', { i64: BigInt(scale) })
        .do('i64.mul', 'i64.add')
        .op('i64.const', { i64: 0x1_0000_0000n });
      asm.do('i64.gt_u').brIf(whole);
      return;
    }
    this.#last(param, type);
    asm.get(local);
    this.#do(type, 'lt_u');
    asm.brIf(whole);
  }

  /** Emits the number of the last byte or element. */
  #last(param: number, type: Num): void {
    this.#get(this.#locals.param(param), this.#typeOf(param), type);
    this.#get(this.#count, this.#type, type);
    this.#do(type, 'add');
    this.#const(type, 1);
    this.#do(type, 'sub');
  }

  /** Branches where what the copy's first or second place begins at does not hold all of it. */
  #outOfBounds(param: number, which: 0 | 1, whole: Label): void {
    const asm = this.#asm;
    const { instr } = this.#bulk;
    if (instr.op === 'array.copy')
      asm
        .get(this.#locals.param(param - 1))
        .do('ref.is_null')
        .brIf(whole);
    this.#last(param, 'i64');
    switch (instr.op) {
      case 'memory.copy': {
        const memory = which === 0 ? instr.memory : instr.memory2;
        asm.op('memory.size', { memory });
        if (this.#info.memories[memory]?.address !== 'i64') asm.do('i64.extend_i32_u');
        asm.op('i64.const', { i64: 16n }).do('i64.shl');
        break;
      }
      case 'table.copy': {
        const table = which === 0 ? instr.table : instr.table2;
        asm.op('table.size', { table });
        if (this.#info.tables[table]?.limits.address !== 'i64') asm.do('i64.extend_i32_u');
        break;
      }
      default:
        asm.get(this.#locals.param(param - 1)).do('array.len', 'i64.extend_i32_u');
    }
    asm.do('i64.ge_u').brIf(whole);
  }

  #loop(left: LocalIdx, size: LocalIdx, direction: 'forward' | 'backward'): void {
    const asm = this.#asm;
    const { params, starts, count, instr } = this.#bulk;
    const again = asm.open('loop');
    asm.get(left);
    this.#const(this.#type, this.#piece);
    asm.get(left);
    this.#const(this.#type, this.#piece);
    this.#do(this.#type, 'lt_u');
    asm.do('select').set(size);
    const shrink = (): void => {
      asm.get(left).get(size);
      this.#do(this.#type, 'sub');
      asm.set(left);
    };
    if (direction === 'backward') shrink();
    params.forEach((_, index) => {
      asm.get(index === count ? size : this.#locals.param(index));
      const start = starts.find(({ param }) => param === index);
      if (start === undefined || direction === 'forward') return;
      this.#advance(this.#typeOf(index), left, start.scale);
    });
    asm.push({ ...instr, at: -1 } as Instr);
    if (direction === 'forward') {
      shrink();
      for (const { param, scale } of starts) {
        asm.get(this.#locals.param(param));
        this.#advance(this.#typeOf(param), size, scale);
        asm.set(this.#locals.param(param));
      }
    }
    chargeFor(asm, this.#type, () => asm.get(size), this.#bulk, this.#charging);
    asm.get(left);
    this.#const(this.#type, 0);
    this.#do(this.#type, 'ne');
    asm.brIf(again).close();
  }

  /** Adds so many bytes or elements to the number on the stack. */
  #advance(type: Num, by: LocalIdx, scale: number): void {
    this.#get(by, this.#type, type);
    if (scale > 1) {
      this.#const(type, scale);
      this.#do(type, 'mul');
    }
    this.#do(type, 'add');
  }
}

/** Emits a call that takes what so many bytes or elements cost, at least 1; `count` pushes how many. */
export function chargeFor(asm: Asm, type: Num, count: () => void, { shift }: Bulk, charging: Charging): void {
  const by = shift + charging.shift;
  if (type === 'i32') {
    count();
    asm.i32(by).do('i32.shr_u').i32(1).do('i32.or').call(charging.func);
    return;
  }
  const cost = (): void => {
    count();
    asm.op('i64.const', { i64: BigInt(by) }).do('i64.shr_u');
  };
  // More than there can be: what was asked for has failed.
  const most = (): Asm => asm.op('i64.const', { i64: 0x7fff_ffffn });
  cost();
  most();
  cost();
  most().do('i64.lt_u', 'select', 'i32.wrap_i64').i32(1).do('i32.or').call(charging.func);
}
