import type { Module } from '../../asyncify/binary/module.ts';
import type { Instr, OpName } from '../../asyncify/binary/opcodes.ts';
import type { LabelIdx, ValType } from '../../asyncify/binary/types.ts';
import { type ModuleInfo, validate } from '../../asyncify/index.ts';
import { made } from '../../asyncify/lower/asm.ts';
import { zero } from '../../asyncify/lower/dummies.ts';
import { type Operand, walkFunction } from '../../asyncify/validate/index.ts';
import type { Program } from './generate.ts';
import { definitions, fewerDefinitions } from './shrink-definitions.ts';

export type Candidate = Pick<Program, 'module' | 'calls'>;

/** Whether each of several valid candidates still shows what is looked for; the first that does is taken. */
export type Oracle = (candidates: readonly Candidate[]) => readonly boolean[];

/**
 * Makes a program smaller while it stays valid and the oracle says it is still interesting.
 *
 * @param deadline in milliseconds of `performance.now()`: what is reached then is returned
 * @param atOnce how many candidates the oracle is asked about together
 */
export function shrink(program: Candidate, oracle: Oracle, deadline: number, atOnce = 1): Candidate {
  let best = program;
  for (let before = Infinity; size(best) < before && performance.now() < deadline; ) {
    before = size(best);
    for (const pass of PASSES) best = exhaust(best, pass, oracle, deadline, atOnce);
  }
  return best;
}

/** What a smaller program is measured by. */
export function size({ module, calls }: Candidate): number {
  const cost = (instr: Instr): number => (DEAR.has(instr.op) ? 16 : CHEAP.has(instr.op) ? 2 : 3);
  const instructions = module.funcs.reduce(
    (sum, { body, locals }) => sum + body.reduce((n, instr) => n + cost(instr), 0) + locals.length,
    0,
  );
  const handlers = module.funcs.reduce(
    (sum, { body }) =>
      sum +
      body.reduce(
        (n, instr) =>
          n + ('handlers' in instr ? instr.handlers.length : 0) + ('catches' in instr ? instr.catches.length : 0),
        0,
      ),
    0,
  );
  return instructions + handlers + module.exports.length + calls.length + definitions({ module, calls });
}

/** What replaces the rest. */
const CHEAP: ReadonlySet<OpName> = new Set<OpName>(['drop', 'i32.const', 'i64.const', 'ref.null', 'unreachable']);

/** Yields smaller programs, which need not be valid, beginning with those that lose most. */
type Pass = (program: Candidate) => Iterable<Candidate>;

/** Repeats a pass as long as it finds something; goes on behind the place of the last success. */
function exhaust(start: Candidate, pass: Pass, oracle: Oracle, deadline: number, atOnce: number): Candidate {
  let best = start;
  let skip = 0;
  for (;;) {
    let at = 0;
    let found: Candidate | null = null;
    let chunk: { candidate: Candidate; at: number }[] = [];
    const judge = (): boolean => {
      const verdicts = chunk.length === 0 ? [] : oracle(chunk.map(({ candidate }) => candidate));
      const hit = verdicts.indexOf(true);
      const taken = chunk[hit];
      chunk = [];
      if (taken === undefined) return false;
      found = taken.candidate;
      skip = taken.at;
      return true;
    };
    for (const candidate of pass(best)) {
      if (performance.now() > deadline) break;
      at++;
      if (at <= skip || size(candidate) >= size(best) || !isValid(candidate)) continue;
      chunk.push({ candidate, at: Math.max(0, at - 1) });
      if (chunk.length >= atOnce && judge()) break;
    }
    if (found === null) judge();
    if (found === null) return best;
    best = found;
  }
}

function isValid({ module }: Candidate): boolean {
  try {
    validate(module);
    return true;
  } catch {
    return false;
  }
}

function withBody(program: Candidate, func: number, body: readonly Instr[]): Candidate {
  const { module } = program;
  return { ...program, module: { ...module, funcs: module.funcs.map((f, at) => (at === func ? { ...f, body } : f)) } };
}

function* fewerCalls(program: Candidate): Iterable<Candidate> {
  for (let at = program.calls.length - 1; at >= 0; at--) {
    if (program.calls.length > 1) yield { ...program, calls: program.calls.toSpliced(at, 1) };
  }
}

function* fewerExports(program: Candidate): Iterable<Candidate> {
  const { module } = program;
  const called = new Set(program.calls.map(({ name }) => name));
  for (let at = module.exports.length - 1; at >= 0; at--) {
    const entry = module.exports[at];
    if (entry === undefined || called.has(entry.name)) continue;
    yield { ...program, module: { ...module, exports: module.exports.toSpliced(at, 1) } };
  }
}

function* emptyBodies(program: Candidate): Iterable<Candidate> {
  const info = validate(program.module);
  for (const [func, { body, type }] of program.module.funcs.entries()) {
    if (body.length <= 1) continue;
    yield withBody(program, func, [made('unreachable', {})]);
    const values = info.funcType(type).results.map(constant);
    if (!values.includes(null) && body.length > values.length) yield withBody(program, func, values as Instr[]);
  }
}

const opens = (instr: Instr): boolean =>
  instr.op === 'block' || instr.op === 'loop' || instr.op === 'if' || instr.op === 'try_table';

/** The index of the `end` (and the `else`) of each construct by the index of its first instruction. */
function constructs(body: readonly Instr[]): Map<number, { end: number; otherwise: number | null }> {
  const open: { at: number; otherwise: number | null }[] = [];
  const found = new Map<number, { end: number; otherwise: number | null }>();
  body.forEach((instr, at) => {
    const top = open.at(-1);
    if (opens(instr)) open.push({ at, otherwise: null });
    else if (instr.op === 'else' && top !== undefined) top.otherwise = at;
    else if (instr.op === 'end' && top !== undefined) {
      open.pop();
      found.set(top.at, { end: at, otherwise: top.otherwise });
    }
  });
  return found;
}

/** Removes stretches of instructions that leave the stack as high as they found it, the longest first. */
function* fewerInstructions(program: Candidate): Iterable<Candidate> {
  const info = validate(program.module);
  const cuts = program.module.funcs.flatMap((_, func) => stretches(info, func).map((cut) => ({ func, ...cut })));
  cuts.sort((a, b) => b.to - b.from - (a.to - a.from));
  for (const { func, from, to } of cuts) {
    const body = program.module.funcs[func]?.body ?? [];
    yield withBody(program, func, body.toSpliced(from, to - from));
  }
}

/** All of what stands between two places of a construct where the stack is equally high, halves of it, and so on. */
function stretches(info: ModuleInfo, func: number): { from: number; to: number }[] {
  const places = new Map<string, number[]>();
  const within = [-1];
  const note = (at: number, height: number): void => {
    const key = `${within.at(-1)} ${height}`;
    const list = places.get(key);
    if (list === undefined) places.set(key, [at]);
    else if (list.at(-1) !== at) list.push(at);
  };
  walkFunction(info, func, {
    before: (_instr, at, state) => note(at, state.operands.length),
    after(instr, at, state) {
      if (opens(instr)) within.push(at);
      else if (instr.op === 'end') within.pop();
      else if (instr.op === 'else') within.splice(-1, 1, at);
      note(at + 1, state.operands.length);
    },
  });
  const found: { from: number; to: number }[] = [];
  for (const list of places.values()) {
    for (let step = list.length - 1; step >= 1; step = step > 1 ? Math.ceil(step / 2) : 0) {
      for (let at = 0; at + step < list.length; at += Math.max(1, step >> 1)) {
        found.push({ from: list[at] as number, to: list[at + step] as number });
      }
    }
  }
  return found;
}

/** Replaces what leaves values, an instruction or a whole construct, by dropping its operands and constants. */
function* constants(program: Candidate): Iterable<Candidate> {
  const info = validate(program.module);
  for (const [func, { body }] of program.module.funcs.entries()) {
    const ends = constructs(body);
    const effects = effectsOf(info, func, ends);
    for (const [at, instr] of body.entries()) {
      const effect = effects[at];
      const values = effect?.pushed.map(constant);
      if (effect === undefined || values === undefined || values.includes(null)) continue;
      const length = opens(instr) ? (ends.get(at)?.end ?? at) - at + 1 : 1;
      const drops = Array.from({ length: effect.popped }, () => made('drop', {}));
      const replacement = [...drops, ...(values as Instr[])];
      const plain = length === 1 && (replacement.length > 1 || instr.op === 'drop' || instr.op === replacement[0]?.op);
      if (!plain || DEAR.has(instr.op)) yield withBody(program, func, body.toSpliced(at, length, ...replacement));
    }
  }
}

/** Worth more instructions to be rid of; they never come back. */
const DEAR: ReadonlySet<OpName> = new Set<OpName>([
  ...([
    'call',
    'call_ref',
    'call_indirect',
    'suspend',
    'switch',
    'resume',
    'resume_throw',
    'resume_throw_ref',
  ] as const),
  ...(['cont.bind', 'br_if', 'br_table', 'br_on_null', 'br_on_non_null', 'br_on_cast', 'local.set'] as const),
  ...(['global.set', 'table.set', 'i32.store', 'i64.store', 'local.tee', 'select', 'select t'] as const),
]);

function constant(type: Operand): Instr | null {
  if (typeof type !== 'object') return type === 'bot' || type === 'refbot' ? null : zero(type);
  return type.nullable ? made('ref.null', { heap: type.heap }) : null;
}

interface Effect {
  readonly popped: number;
  readonly pushed: readonly Operand[];
}

/** What each instruction that can be reached takes and leaves; at the start of a construct, what the whole of it does. */
function effectsOf(info: ModuleInfo, func: number, ends: ReturnType<typeof constructs>): (Effect | undefined)[] {
  const effects: (Effect | undefined)[] = [];
  const starts = new Map([...ends].map(([at, { end }]) => [end, at] as const));
  const pending = new Map<number, number>();
  let height = 0;
  walkFunction(info, func, {
    before(_instr, _at, state) {
      height = state.operands.length;
    },
    after(instr, at, state) {
      if (opens(instr)) {
        const frame = state.controls.at(-1);
        pending.set(at, frame?.params.length ?? 0);
        return;
      }
      const start = starts.get(at);
      if (start !== undefined) {
        const frame = pending.get(start) ?? 0;
        const pops = frame + (START_POPS[(info.module.funcs[func]?.body[start]?.op ?? 'nop') as 'if'] ?? 0);
        effects[start] = { popped: pops, pushed: state.operands.slice(state.low) };
        return;
      }
      if (instr.op === 'else' || !state.reachable) return;
      effects[at] = { popped: height - state.low, pushed: state.operands.slice(state.low) };
    },
  });
  return effects;
}
/** What a construct takes beside its parameters. */
const START_POPS = { if: 1 } as const;

/** Replaces a construct by what is in it, or an arm of it. */
function* unwrapped(program: Candidate): Iterable<Candidate> {
  for (const [func, { body }] of program.module.funcs.entries()) {
    for (const [at, { end, otherwise }] of constructs(body)) {
      const arms: [number, number][] =
        otherwise === null
          ? [[at + 1, end]]
          : [
              [at + 1, otherwise],
              [otherwise + 1, end],
            ];
      for (const [from, to] of arms) {
        const inside = lifted(body.slice(from, to));
        if (inside === null) continue;
        const condition = body[at]?.op === 'if' ? [made('drop', {})] : [];
        yield withBody(program, func, [...body.slice(0, at), ...condition, ...inside, ...body.slice(end + 1)]);
      }
    }
  }
}

/** The code as it must be one construct further out; null where it branches to that construct. */
function lifted(code: readonly Instr[]): Instr[] | null {
  let depth = 0;
  let targeted = false;
  const lower = (label: LabelIdx, by = 0): LabelIdx => {
    if (label === depth + by) targeted = true;
    return (label > depth + by ? label - 1 : label) as LabelIdx;
  };
  const moved = code.map((instr): Instr => {
    let result: Instr = instr;
    if ('label' in instr) result = { ...instr, label: lower(instr.label) } as Instr;
    else if ('labels' in instr) result = { ...instr, labels: instr.labels.map((label) => lower(label)) } as Instr;
    else if ('cast' in instr) result = { ...instr, cast: { ...instr.cast, label: lower(instr.cast.label) } } as Instr;
    else if ('catches' in instr) {
      result = {
        ...instr,
        catches: instr.catches.map((clause) => ({ ...clause, label: lower(clause.label) })),
      } as Instr;
    } else if ('handlers' in instr) {
      const handlers = instr.handlers.map((clause) =>
        clause.kind === 'label' ? { ...clause, label: lower(clause.label) } : clause,
      );
      result = { ...instr, handlers } as Instr;
    }
    if (opens(instr)) depth++;
    else if (instr.op === 'end') depth--;
    return result;
  });
  return targeted ? null : moved;
}

function* fewerClauses(program: Candidate): Iterable<Candidate> {
  for (const [func, { body }] of program.module.funcs.entries()) {
    for (const [at, instr] of body.entries()) {
      const key = 'handlers' in instr ? 'handlers' : 'catches' in instr ? 'catches' : null;
      if (key === null) continue;
      const clauses = (instr as unknown as Record<typeof key, readonly unknown[]>)[key];
      for (const n of clauses.keys()) {
        const fewer = { ...instr, [key]: clauses.toSpliced(n, 1) } as Instr;
        yield withBody(program, func, body.toSpliced(at, 1, fewer));
      }
    }
  }
}

function* fewerLocals(program: Candidate): Iterable<Candidate> {
  const { module } = program;
  const info = validate(module);
  for (const [func, { body, locals, type }] of module.funcs.entries()) {
    const params = info.funcType(type).params.length;
    const used = new Set(body.flatMap((instr) => ('local' in instr ? [instr.local as number] : [])));
    const kept = locals.flatMap((_, at) => (used.has(params + at) ? [params + at] : []));
    if (kept.length === locals.length) continue;
    const moved = body.map((instr): Instr => {
      if (!('local' in instr) || instr.local < params) return instr;
      return { ...instr, local: params + kept.indexOf(instr.local) } as Instr;
    });
    const fewer = { ...module.funcs[func], locals: kept.map((at) => locals[at - params] as ValType), body: moved };
    yield { ...program, module: { ...module, funcs: module.funcs.with(func, fewer as Module['funcs'][number]) } };
  }
}
const PASSES: readonly Pass[] = [
  fewerCalls,
  emptyBodies,
  fewerExports,
  fewerInstructions,
  constants,
  unwrapped,
  fewerClauses,
  fewerLocals,
  fewerDefinitions,
];
