import type { BlockType } from '../../../asyncify/binary/immediates.ts';
import type { FuncIdx, GlobalIdx, LocalIdx, NumType, TypeIdx, ValType } from '../../../asyncify/binary/types.ts';
import { Asm, type Label } from '../../../asyncify/lower/asm.ts';
import type { Rng } from '../rng.ts';
import { Types } from '../types.ts';

/** Imported functions, in this order. */
export const LOG = 0 as FuncIdx;
export const LOG64 = 1 as FuncIdx;
export const POKE = 2 as FuncIdx;
export const WAIT = 3 as FuncIdx;
export const IMPORTED = 4;

/** Instructions of a module after which only the simplest are added. */
const MAX_SIZE = 1800;

export interface Plan {
  readonly index: FuncIdx;
  readonly params: readonly NumType[];
  readonly results: readonly NumType[];
}

/** What the functions of one module share while they are made. */
export class World {
  readonly rng: Rng;
  readonly types = new Types();
  readonly plans: Plan[] = [];
  readonly globals: NumType[] = ['i32', 'i32', 'i32', 'i64', 'f32', 'f64'];
  readonly fuel = 0 as GlobalIdx;
  readonly simd: boolean;
  /** With tail calls, which Binaryen's instrumenter does not do. */
  readonly tails: boolean;
  /** With `try_table`, which it does not do either. */
  readonly tries: boolean;
  /** What happens when the fuel is used up. */
  readonly outOfFuel: 'trap' | 'return';
  size = 0;

  constructor(rng: Rng) {
    this.rng = rng;
    this.simd = rng.chance(0.25);
    this.tails = rng.chance(0.25);
    this.tries = rng.chance(0.35);
    this.outOfFuel = rng.chance(0.85) ? 'return' : 'trap';
    // The one that the host re-enters is of this type, and so are others for indirect calls.
    for (const [params, results] of [
      [['i32'], ['i32']],
      [['i32'], ['i32']],
      ...rng.list(1 + rng.int(4), () => [this.someTypes(rng.int(4)), this.someTypes(rng.int(3))] as const),
    ] as const) {
      this.plans.push({ index: (IMPORTED + this.plans.length) as FuncIdx, params, results });
    }
  }

  someType(): NumType {
    return this.rng.weighted<NumType>([
      [10, 'i32'],
      [5, 'i64'],
      [2, 'f32'],
      [3, 'f64'],
      [this.simd ? 3 : 0, 'v128'],
    ]);
  }

  someTypes(count: number): NumType[] {
    return this.rng.list(count, () => this.someType());
  }
}

/** A label in scope, what a branch to it carries, and whether it goes back. */
export interface Target {
  readonly label: Label;
  readonly types: readonly NumType[];
  readonly back: boolean;
  /** Set where going back burns fuel, so that anything may go back. */
  fueled: boolean;
}

/** The state of one function body that is being made. */
export class Gen {
  readonly world: World;
  readonly rng: Rng;
  readonly asm = new Asm();
  readonly plan: Plan;
  readonly locals: NumType[] = [];
  targets: Target[] = [];
  /** Locals that only the loop which counts in them may assign. */
  readonly counters = new Set<LocalIdx>();
  /** How many more expressions and statements may be made of others. */
  budget: number;
  depth = 0;
  /** How many loops are around that run without fuel. */
  unfueled = 0;

  constructor(world: World, plan: Plan, budget: number) {
    this.world = world;
    this.rng = world.rng;
    this.plan = plan;
    this.budget = budget;
  }

  local(type: NumType): LocalIdx {
    this.locals.push(type);
    return (this.plan.params.length + this.locals.length - 1) as LocalIdx;
  }

  localsOf(type: NumType): LocalIdx[] {
    return [...this.plan.params, ...this.locals].flatMap((has, at) => (has === type ? [at as LocalIdx] : []));
  }

  /** A local to assign. */
  assignable(type: NumType): LocalIdx {
    const known = this.localsOf(type).filter((local) => !this.counters.has(local));
    return known.length > 0 && this.rng.chance(0.8) ? this.rng.pick(known) : this.local(type);
  }

  blockType(params: readonly ValType[], results: readonly ValType[]): BlockType {
    const [only] = results;
    // An index now and then where there need be none: loops poll elsewhere then.
    if (params.length === 0 && this.rng.chance(0.85)) {
      if (results.length === 0) return { kind: 'empty' };
      if (results.length === 1 && only !== undefined) return { kind: 'value', type: only };
    }
    return { kind: 'type', type: this.typeOf(params, results) };
  }

  typeOf(params: readonly ValType[], results: readonly ValType[]): TypeIdx {
    return this.world.types.func(params, results);
  }

  /** Opens a construct, makes what is in it, and closes it. */
  within(
    op: 'block' | 'loop' | 'if',
    [params, results]: readonly [readonly NumType[], readonly NumType[]],
    inside: (label: Label) => void,
    otherwise?: (label: Label) => void,
  ): void {
    const { targets, asm } = this;
    const label = asm.open(op, this.blockType(params, results));
    this.targets = [...targets, { label, types: op === 'loop' ? params : results, back: op === 'loop', fueled: false }];
    this.depth++;
    inside(label);
    if (otherwise !== undefined) {
      asm.else();
      otherwise(label);
    }
    this.depth--;
    this.targets = targets;
    asm.close();
  }

  spend(): boolean {
    this.budget--;
    return this.budget > 0 && this.depth < 9 && this.world.size + this.asm.out.length < MAX_SIZE;
  }

  /** The targets that may be branched to from anywhere. */
  get branches(): Target[] {
    return this.targets.filter(({ back, fueled }) => !back || fueled);
  }

  /** Stores what is on the stack in locals, the last first. */
  store(types: readonly NumType[]): void {
    for (const type of types.toReversed()) {
      if (this.rng.chance(0.2)) this.asm.do('drop');
      else this.asm.set(this.assignable(type));
    }
  }

  zeros(types: readonly NumType[]): void {
    for (const type of types) this.constant(type);
  }

  constant(type: NumType): void {
    const { rng, asm } = this;
    switch (type) {
      case 'i32':
        asm.i32(rng.chance(0.8) ? rng.int(12) - 2 : rng.next() | 0);
        break;
      case 'i64':
        asm.op('i64.const', { i64: rng.chance(0.8) ? BigInt(rng.int(20) - 3) : BigInt(rng.next()) << 17n });
        break;
      case 'f32':
        asm.op('f32.const', { f32: rng.pick([0, 0x8000_0000, 0x3f80_0000, 0xc020_0000, 0x7f80_0000, 0x4f00_0000]) });
        break;
      case 'f64':
        asm.op('f64.const', {
          f64: rng.pick([0n, 1n << 63n, 0x3ff0_0000_0000_0000n, 0xc004_0000_0000_0000n, 0x7ff0_0000_0000_0000n]),
        });
        break;
      case 'v128':
        asm.op('v128.const', { v128: Uint8Array.from(rng.list(16, () => rng.int(256))) });
        break;
      default:
        throw new RangeError(type satisfies never);
    }
  }

  /** Takes one of the fuel; without any the function ends. */
  burn(): void {
    const { asm, world } = this;
    asm.globalGet(world.fuel).do('i32.eqz').open('if');
    if (world.outOfFuel === 'trap') asm.do('unreachable');
    else {
      this.zeros(this.plan.results);
      asm.do('return');
    }
    asm.close();
    asm.globalGet(world.fuel).i32(1).do('i32.sub').globalSet(world.fuel);
    const loop = this.targets.at(-1);
    if (loop?.back === true) loop.fueled = true;
  }
}
