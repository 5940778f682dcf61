import type { BlockType } from '../../asyncify/binary/immediates.ts';
import type { FuncIdx, LocalIdx, RefType, TypeIdx, ValType } from '../../asyncify/binary/types.ts';
import { isRef, refType } from '../../asyncify/binary/types.ts';
import { Asm, type Label } from '../../asyncify/lower/asm.ts';
import type { Rng } from './rng.ts';
import { contOf, type Types } from './types.ts';
import type { Plan, World } from './world.ts';

export interface Var {
  readonly local: LocalIdx;
  readonly type: ValType;
}
/** A label in scope and what a branch to it carries. */
export interface Target {
  readonly label: Label;
  readonly types: readonly ValType[];
}

/** Instructions of a module after which only the simplest are added. */
const MAX_SIZE = 2500;

/** The state of one function body that is being made. */
export class Gen {
  readonly world: World;
  readonly rng: Rng;
  readonly types: Types;
  readonly asm = new Asm();
  readonly plan: Plan;
  readonly results: readonly ValType[];
  readonly locals: ValType[] = [];
  readonly #params: number;
  vars: Var[] = [];
  targets: Target[] = [];
  /** How many more expressions and statements may be made of others. */
  budget: number;
  depth = 0;
  /** Set in an activation that was suspended: the local that says so, for the counters. */
  suspendedLocal: LocalIdx | null = null;

  constructor(world: World, plan: Plan, budget: number) {
    this.world = world;
    this.rng = world.rng;
    this.types = world.types;
    this.plan = plan;
    this.budget = budget;
    const { params, results } = world.types.signature(plan.type);
    this.#params = params.length;
    this.results = results;
    params.forEach((type, local) => {
      this.vars.push({ local: local as LocalIdx, type });
    });
  }

  /** A new local that is in scope until the construct around it ends; it has no value yet. */
  local(type: ValType): LocalIdx {
    const made = this.hidden(type);
    this.vars.push({ local: made, type });
    return made;
  }

  /** A new local that nothing else uses. */
  hidden(type: ValType): LocalIdx {
    this.locals.push(type);
    return (this.#params + this.locals.length - 1) as LocalIdx;
  }

  varsFor(type: ValType): Var[] {
    return this.vars.filter((entry) => this.types.fits(entry.type, type));
  }

  blockType(params: readonly ValType[], results: readonly ValType[]): BlockType {
    const [only] = results;
    if (params.length === 0 && results.length === 0) return { kind: 'empty' };
    if (params.length === 0 && results.length === 1 && only !== undefined) return { kind: 'value', type: only };
    return { kind: 'type', type: this.types.func(params, results) };
  }

  /** Runs `inside` between the opening of a construct and its end; what it declares goes out of scope there. */
  within(label: Label, types: readonly ValType[], inside: () => void): void {
    this.scoped(() => {
      this.targets.push({ label, types });
      inside();
    });
    this.asm.close();
  }

  /** Locals and labels that `inside` brings into scope are gone after it. */
  scoped(inside: () => void): void {
    const { vars, targets } = this;
    this.vars = [...vars];
    this.targets = [...targets];
    this.depth++;
    inside();
    this.depth--;
    this.vars = vars;
    this.targets = targets;
  }

  block(results: readonly ValType[], inside: (label: Label) => void): void {
    const label = this.asm.open('block', this.blockType([], results));
    this.within(label, results, () => inside(label));
  }

  if(results: readonly ValType[], then: () => void, otherwise?: () => void): void {
    const label = this.asm.open('if', this.blockType([], results));
    this.scoped(() => {
      this.targets.push({ label, types: results });
      then();
    });
    if (otherwise !== undefined) {
      this.asm.else();
      this.scoped(() => {
        this.targets.push({ label, types: results });
        otherwise();
      });
    }
    this.asm.close();
  }

  /** Whether there is something left to make of parts; counts one. */
  spend(): boolean {
    this.budget--;
    return this.budget > 0 && this.depth < 9 && this.world.size + this.asm.out.length < MAX_SIZE;
  }

  /** Stores what is on the stack in new locals, the last first. */
  store(types: readonly ValType[]): LocalIdx[] {
    const made = types.map((type) => this.hidden(type));
    for (const local of made.toReversed()) this.asm.set(local);
    made.forEach((local, at) => {
      this.vars.push({ local, type: types[at] as ValType });
    });
    return made;
  }

  /** A constant, or whatever else needs no other expression. */
  leaf(type: ValType): void {
    const { rng, asm } = this;
    const vars = this.varsFor(type);
    const isCont = contOf(this.types, type) !== null;
    if (vars.length > 0 && !isCont && rng.chance(0.6)) {
      asm.get(rng.pick(vars).local);
      return;
    }
    if (isRef(type)) this.#refLeaf(type);
    else this.#numberLeaf(type);
  }

  #numberLeaf(type: Exclude<ValType, RefType>): void {
    const { rng, asm } = this;
    switch (type) {
      case 'i32':
        asm.i32(rng.chance(0.8) ? rng.int(9) - 1 : rng.next() | 0);
        break;
      case 'i64':
        asm.op('i64.const', { i64: BigInt(rng.int(20) - 3) });
        break;
      case 'f32':
        asm.op('f32.const', { f32: [0, 0x3f80_0000, 0xc020_0000, 0x4228_0000][rng.int(4)] as number });
        break;
      case 'f64':
        asm.op('f64.const', { f64: [0n, 0x3ff0_0000_0000_0000n, 0xc004_0000_0000_0000n][rng.int(3)] as bigint });
        break;
      case 'v128':
        asm.op('v128.const', { v128: Uint8Array.from(rng.list(16, () => rng.int(256))) });
        break;
      default:
        throw new RangeError(type satisfies never);
    }
  }

  #refLeaf(type: RefType): void {
    const { rng, asm } = this;
    const { heap } = type;
    if (type.nullable && rng.chance(heap === 'exn' || heap === 'extern' ? 1 : 0.4)) {
      asm.null(heap);
      return;
    }
    switch (heap) {
      case 'any':
      case 'eq':
      case 'i31':
        asm.i32(rng.int(50)).do('ref.i31');
        break;
      case 'exn':
        this.exception();
        break;
      case 'func':
        this.funcRef(rng.chance(0.5) ? this.world.simpleFunc : this.plan.type);
        break;
      default:
        if (typeof heap !== 'number') throw new RangeError(`no value of type ${heap}`);
        this.#typedLeaf(heap);
    }
  }

  #typedLeaf(heap: TypeIdx): void {
    const { asm, rng, world } = this;
    const comp = this.types.comp(heap);
    switch (comp.kind) {
      case 'struct':
        if (heap === world.struct && rng.chance(0.3)) {
          this.#typedLeaf(world.subStruct);
          return;
        }
        asm.i32(rng.int(9)).null('none');
        if (heap === world.subStruct) asm.op('i64.const', { i64: 5n });
        asm.structNew(heap);
        break;
      case 'array':
        asm.i32(rng.int(9)).i32(rng.int(9)).op('array.new_fixed', { type: heap, count: 2 });
        break;
      case 'func':
        this.funcRef(heap);
        break;
      case 'cont':
        this.funcRef(comp.type);
        asm.op('cont.new', { type: heap });
        break;
      default:
        comp satisfies never;
    }
  }

  /** A reference to an exception that is not null. */
  exception(): void {
    const { rng, asm, world } = this;
    const known = this.varsFor(refType('exn', true));
    const tag = rng.pick(world.throwTags);
    this.block([refType('exn', false)], (label) => {
      if (known.length > 0 && rng.chance(0.7)) {
        asm.get(rng.pick(known).local).op('br_on_non_null', { label: asm.depthOf(label) });
      }
      const inner = asm.openTry({ kind: 'empty' }, [{ kind: 'catch_all_ref', label }]);
      this.within(inner, [], () => {
        this.defaults(tag.params);
        asm.op('throw', { tag: tag.index });
      });
      asm.do('unreachable');
    });
  }

  funcRef(type: TypeIdx): FuncIdx {
    const { index } = this.world.func(type);
    this.asm.op('ref.func', { func: index });
    return index;
  }

  /** What the function gives back when there is nothing better. */
  defaults(types: readonly ValType[]): void {
    for (const type of types) {
      if (!isRef(type)) this.#numberLeaf(type);
      else if (type.nullable) this.asm.null(type.heap);
      else this.leaf(type);
    }
  }

  /** Takes one of the fuel; without any the function ends. */
  burn(): void {
    const { asm, world } = this;
    asm.globalGet(world.fuel).do('i32.eqz').open('if');
    if (world.outOfFuel === 'trap') asm.do('unreachable');
    else {
      this.defaults(this.results);
      asm.do('return');
    }
    asm.close();
    asm.globalGet(world.fuel).i32(1).do('i32.sub').globalSet(world.fuel);
  }
}
