import type { Limits } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import { type Asm, made } from '../asm.ts';

type Operation = 'add' | 'eq' | 'ne' | 'ge_u';

/** Code for indices of a table, whose type is the table's. */
export class Indices {
  readonly type: Limits['address'];

  constructor({ address }: Limits) {
    this.type = address;
  }

  constant(value: number | bigint): Instr {
    if (this.type === 'i32') return made('i32.const', { i32: Number(value) });
    return made('i64.const', { i64: BigInt(value) });
  }

  /** The operation on what the code has left and a constant. */
  op(asm: Asm, operation: Operation, value: number): Asm {
    return asm.push(this.constant(value)).do(`${this.type}.${operation}`);
  }

  isOutside(asm: Asm): Asm {
    return asm.do(`${this.type}.ge_u`);
  }
}
