import type { Expr } from '../../binary/module.ts';
import type { Instr } from '../../binary/opcodes.ts';
import { leaves } from '../frames/points.ts';
import { traitOf } from './weights.ts';

/**
 * The work of a call, or of one instruction, at most; -1 where there is no such stretch.
 */
export interface Work {
  /** From its beginning to its first poll. */
  readonly head: number;
  /** From its beginning to its end, on ways without a poll. */
  readonly through: number;
  /** From its last poll to its end. */
  readonly tail: number;
  /** What it leaves unpaid of fuel. */
  readonly debt: number;
}

/** What limits the work between polls, and what one unit of fuel pays. */
export interface WorkLimits {
  /** At most so much from a function's entry, or from a poll in it, to the next poll, its end or the inside of a call. */
  readonly stretch: number;
  /** What one unit of fuel pays. */
  readonly unit: number;
  /** What may stay unpaid of fuel; Infinity: nothing is paid. */
  readonly debt: number;
}

const MAX_COST = 1_000_000;

/** What is to be put in before the instruction of an index. */
export interface Insertion {
  readonly index: number;
  /** `poll`: a yield point; `pay`: fuel is taken without one. */
  readonly kind: 'poll' | 'pay';
  /** In units of fuel. */
  readonly cost: number;
}

export interface Stretches {
  readonly work: Work;
  readonly insertions: readonly Insertion[];
  /** Units of fuel by the offset of an instruction, where they are not 1: of a branch back to a loop that polls, and of the loop itself. */
  readonly costs: ReadonlyMap<number, number>;
}

export interface StretchInput {
  readonly body: Expr;
  /** How many locals are set to zero. */
  readonly locals: number;
  /** Whether it polls at its entry. */
  readonly entry: boolean;
  /** The loops that do not poll, by index, and how often they run. */
  readonly bounded: ReadonlyMap<number, number>;
  /** What an instruction takes. */
  work(instr: Instr, index: number): Work;
}

/** The most work there can be on the ways to a place; -1: there is no such way. */
interface State {
  /** From the function's entry, without a poll. */
  entry: number;
  /** From a poll in the function, or in one it calls. */
  poll: number;
  /** What is unpaid. */
  debt: number;
}

interface Construct {
  readonly op: Instr['op'];
  readonly loop: { readonly polls: boolean; readonly at: number; readonly times: number } | null;
  readonly out: State;
  /** What is unpaid besides the state's: from before the loops around that poll. */
  readonly carried: number;
  /** Where its `else` begins, or its end where it has none. */
  readonly other: State | null;
  /** What exceptions may come with; null: it is no `try_table`. */
  readonly thrown: State | null;
  readonly labels: readonly number[];
}

// Most functions have none of either.
const NONE: readonly Insertion[] = [];
const NO_COSTS: ReadonlyMap<number, number> = new Map();

const nowhere = (): State => ({ entry: -1, poll: -1, debt: -1 });

function join(to: State, from: State): void {
  to.entry = Math.max(to.entry, from.entry);
  to.poll = Math.max(to.poll, from.poll);
  to.debt = Math.max(to.debt, from.debt);
}

/**
 * The longest ways through a function, in the order of its code: each place is reached by code before it, or by a branch back
 * to a loop, which polls. Where a way gets too long a poll is put in, or, where only fuel is unpaid, a payment.
 */
export function findStretches(input: StretchInput, limits: WorkLimits): Stretches {
  return new Walk(input, limits).run();
}

class Walk {
  readonly #input: StretchInput;
  readonly #limits: WorkLimits;
  readonly #constructs: Construct[] = [];
  #insertions: Insertion[] | null = null;
  #costs: Map<number, number> | null = null;
  #state: State;
  /** Depth of constructs opened in dead code; -1: live. */
  #dead = -1;
  /** How often the code runs, for the loops around it that do not poll. */
  #times = 1;
  #head = -1;
  /** What is unpaid from before the loops around that poll: their polls are not to pay it each time. */
  #carried = 0;
  /** What exceptions may come with to the `try_table`s around. */
  readonly #tries: { readonly state: State; readonly carried: number }[] = [];

  constructor(input: StretchInput, limits: WorkLimits) {
    this.#input = input;
    this.#limits = limits;
    const begin = 1 + input.locals / 8;
    this.#state = input.entry ? { entry: -1, poll: begin, debt: begin } : { entry: begin, poll: -1, debt: begin };
    if (input.entry) this.#head = 0;
  }

  run(): Stretches {
    const out = nowhere();
    this.#constructs.push({ op: 'block', loop: null, out, carried: 0, other: null, thrown: null, labels: [] });
    const { body } = this.#input;
    for (let index = 0; index < body.length; index++) this.#instr(body[index] as Instr, index);
    if (this.#dead < 0) this.#join(this.#constructs[0] as Construct, this.#state);
    const work = { head: this.#head, through: out.entry, tail: out.poll, debt: Math.max(out.debt, 0) };
    return { work, insertions: this.#insertions ?? NONE, costs: this.#costs ?? NO_COSTS };
  }

  #join(construct: Construct, state: State): void {
    join(construct.out, { ...state, debt: state.debt + this.#carried - construct.carried });
  }

  #instr(instr: Instr, index: number): void {
    if (this.#dead >= 0) {
      if ('block' in instr) this.#dead++;
      else if (this.#dead > 0) {
        if (instr.op === 'end') this.#dead--;
      } else if (instr.op === 'else') this.#else();
      else if (instr.op === 'end') this.#end();
      return;
    }
    this.#add(this.#input.work(instr, index), index);
    if ('block' in instr) this.#open(instr, index);
    else if (instr.op === 'else') this.#else();
    else if (instr.op === 'end') this.#end();
    else this.#leave(instr);
    if (leaves(instr.op)) this.#dead = 0;
  }

  #add(work: Work, index: number): void {
    const state = this.#state;
    const { stretch, debt, unit } = this.#limits;
    const through = work.through * this.#times;
    const owes = work.debt * this.#times;
    if (this.#times === 1) {
      if (
        Math.max(state.entry, state.poll) + Math.max(through, 0) > stretch ||
        (state.entry >= 0 && state.entry + work.head > stretch)
      ) {
        this.#insert({ index, kind: 'poll', cost: this.#cost(state) });
        this.#head = Math.max(this.#head, state.entry);
        state.entry = -1;
        state.poll = 0;
        state.debt = 0;
      } else if (state.debt > debt) {
        this.#insert({ index, kind: 'pay', cost: Math.ceil(state.debt / unit) });
        state.debt = 0;
      }
    }
    if (work.head >= 0 && state.entry >= 0) this.#head = Math.max(this.#head, state.entry + work.head);
    state.entry = state.entry >= 0 && through >= 0 ? state.entry + through : -1;
    state.poll = Math.max(state.poll >= 0 && through >= 0 ? state.poll + through : -1, work.tail);
    state.debt += owes;
  }

  #insert(insertion: Insertion): void {
    this.#insertions ??= [];
    this.#insertions.push(insertion);
  }

  #cost(state: State): number {
    return Math.min(Math.max(Math.floor(state.debt / this.#limits.unit), 1), MAX_COST);
  }

  #open(instr: Instr, index: number): void {
    const state = this.#state;
    let loop: Construct['loop'] = null;
    const carried = this.#carried;
    if (instr.op === 'loop') {
      const times = this.#input.bounded.get(index);
      const polls = times === undefined;
      loop = { polls, at: instr.at, times: times ?? 1 };
      this.#times *= loop.times;
      if (polls) {
        this.#pay(instr.at, state);
        state.poll = Math.max(state.poll, 0);
        this.#carried += state.debt;
        state.debt = 0;
      }
    }
    const thrown = instr.op === 'try_table' ? { ...state } : null;
    if (thrown !== null) this.#tries.push({ state: thrown, carried });
    this.#constructs.push({
      op: instr.op,
      loop,
      out: nowhere(),
      carried,
      other: instr.op === 'if' ? { ...state } : null,
      thrown,
      labels: instr.op === 'try_table' ? instr.catches.map(({ label }) => label) : [],
    });
  }

  #else(): void {
    const construct = this.#constructs.at(-1) as Construct;
    if (this.#dead < 0) this.#join(construct, this.#state);
    this.#dead = -1;
    this.#state = { ...(construct.other as State) };
    this.#constructs[this.#constructs.length - 1] = { ...construct, other: null };
  }

  #end(): void {
    const construct = this.#constructs.pop() as Construct;
    const { out, carried, other, loop, thrown, labels } = construct;
    if (this.#dead < 0) this.#join(construct, this.#state);
    this.#carried = carried;
    if (other !== null) join(out, other);
    if (loop !== null) this.#times /= loop.times;
    if (thrown !== null) {
      this.#tries.pop();
      for (const label of labels) this.#branch(label, thrown, -1);
      this.#throw(thrown);
    }
    this.#state = out;
    // Nothing comes here: what follows is dead up to the end of the construct around it.
    this.#dead = out.entry < 0 && out.poll < 0 ? 0 : -1;
  }

  /** Exceptions may come with this to the handlers around. */
  #throw(state: State): void {
    const around = this.#tries.at(-1);
    if (around !== undefined) join(around.state, { ...state, debt: state.debt + this.#carried - around.carried });
  }

  #leave(instr: Instr): void {
    const state = this.#state;
    const { branches, throws, returns } = traitOf(instr);
    if (throws) this.#throw(state);
    if (!branches) {
      if (returns) this.#join(this.#constructs[0] as Construct, state);
      return;
    }
    if ('labels' in instr) for (const label of instr.labels) this.#branch(label, state, instr.at);
    else if ('cast' in instr) this.#branch(instr.cast.label, state, instr.at);
    else if ('handlers' in instr) {
      for (const handler of instr.handlers) if (handler.kind === 'label') this.#branch(handler.label, state, instr.at);
    } else if ('label' in instr) this.#branch(instr.label, state, instr.at);
    else if (instr.op === 'return' || instr.op.startsWith('return_'))
      this.#join(this.#constructs[0] as Construct, state);
  }

  #branch(label: number, state: State, at: number): void {
    const construct = this.#constructs[this.#constructs.length - 1 - label] as Construct;
    if (construct.loop === null) {
      this.#join(construct, state);
      return;
    }
    if (!construct.loop.polls) return;
    this.#head = Math.max(this.#head, state.entry);
    this.#pay(at, state);
    this.#pay(construct.loop.at, state);
  }

  /** A poll that costs at least what is unpaid now. */
  #pay(at: number, state: State): void {
    if (this.#limits.debt === Number.POSITIVE_INFINITY) return;
    const cost = this.#cost(state);
    if (at >= 0 && cost > (this.#costs?.get(at) ?? 1)) {
      this.#costs ??= new Map();
      this.#costs.set(at, cost);
    }
  }
}
