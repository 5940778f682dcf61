import { encodeInstr, encodeLocals } from './encode-expr.ts';
import type { Expr } from './module.ts';
import type { ValType } from './types.ts';
import { Writer } from './writer.ts';

/** The index spaces whose final indices are known only when all functions are. */
export type MovedSpace = 'func' | 'global' | 'memory';

/** Where an index of such a space is in the module that is written. */
export type Moves = { readonly [S in MovedSpace]: (index: number) => number };

/** A body that is encoded but for indices that move. */
export interface ObjectBody {
  /**
   * Writes its locals and instructions without their size.
   * @returns how far from there its unlikely branches are
   */
  write(writer: Writer, moves: Moves): number[];
}

const SPACES: readonly MovedSpace[] = ['func', 'global', 'memory'];
/** What is at a place of a body: an index of one of the spaces; the memory of an access, whose alignment is the byte there; an unlikely branch. */
const ACCESS = 3;
const HINT = 4;
/** A place is two words: its offset, and what it is with the index. */
const PLACE_WORDS = 2;
const KIND_SHIFT = 29;
const INDEX_MASK = 2 ** KIND_SHIFT - 1;

/** A list of 32-bit numbers that grows. */
class Words {
  #list = new Uint32Array(1024);
  length = 0;

  push(value: number): void {
    if (this.length === this.#list.length) {
      const grown = new Uint32Array(this.#list.length * 2);
      grown.set(this.#list);
      this.#list = grown;
    }
    this.#list[this.length++] = value;
  }

  at(index: number): number {
    return this.#list[index] as number;
  }
}

/** Writes instructions, and leaves out the indices that move. */
class ObjectWriter extends Writer {
  /** For each place its offset, and its kind with the index. */
  readonly places = new Words();

  override index(space: MovedSpace, value: number): void {
    this.place(SPACES.indexOf(space), value);
  }

  override access(align: number, memory: number): void {
    this.place(ACCESS, memory);
    this.byte(align);
  }

  place(kind: number, index: number): void {
    if (index > INDEX_MASK) throw new RangeError(`${index} is no index`);
    this.places.push(this.length);
    this.places.push(((kind << KIND_SHIFT) | index) >>> 0);
  }
}

/**
 * Bodies of functions in the binary format, written one after the other as they are made, while it is still open where functions,
 * globals and memories will be. They take a thirtieth of the space that instructions take.
 */
export class ObjectCode {
  readonly #writer = new ObjectWriter();

  add(locals: readonly ValType[], body: Expr): ObjectBody {
    const writer = this.#writer;
    const start = writer.length;
    const firstPlace = writer.places.length;
    encodeLocals(writer, locals);
    for (let at = 0; at < body.length; at++) {
      const instr = body[at] as Expr[number];
      if (instr.unlikely) writer.place(HINT, 0);
      encodeInstr(writer, instr);
    }
    writer.byte(0x0b);
    return new Body(writer, start, firstPlace);
  }
}

class Body implements ObjectBody {
  readonly #writer: ObjectWriter;
  readonly #start: number;
  readonly #end: number;
  readonly #firstPlace: number;
  readonly #placesEnd: number;

  /** What was written from a place on. */
  constructor(writer: ObjectWriter, start: number, firstPlace: number) {
    this.#writer = writer;
    this.#start = start;
    this.#end = writer.length;
    this.#firstPlace = firstPlace;
    this.#placesEnd = writer.places.length;
  }

  write(out: Writer, moves: Moves): number[] {
    const { places } = this.#writer;
    const start = this.#start;
    const firstPlace = this.#firstPlace;
    const placesEnd = this.#placesEnd;
    const hints: number[] = [];
    const base = out.length;
    let from = start;
    for (let at = firstPlace; at < placesEnd; at += PLACE_WORDS) {
      const offset = places.at(at);
      out.copy(this.#writer, from, offset);
      from = offset;
      const word = places.at(at + 1);
      const kind = word >>> KIND_SHIFT;
      const index = word & INDEX_MASK;
      if (kind === HINT) hints.push(out.length - base);
      else if (kind === ACCESS) out.access(this.#writer.at(from++), moves.memory(index));
      else out.u32(moves[SPACES[kind] as MovedSpace](index));
    }
    out.copy(this.#writer, from, this.#end);
    return hints;
  }
}
