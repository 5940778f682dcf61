import type { Expr, Func } from '../../binary/module.ts';
import { type Instr, opcodeOf } from '../../binary/opcodes.ts';
import type { FuncIdx, TypeIdx } from '../../binary/types.ts';
import type { ModuleInfo } from '../../validate/index.ts';

/**
 * The imports that LLVM's lowering of setjmp and C++ exceptions for Emscripten calls (WebAssemblyLowerEmscriptenEHSjLj.cpp, the
 * comment at its top), told by how they are used, as a minified module has no names for them: each call stands between
 *
 *     __THREW__ = 0;  call(function, arguments…);  t = __THREW__;  __THREW__ = 0
 *
 * and the module exports `setThrew(threw, value)`, which stores to that same word. An import counts only where all its calls are like
 * this, and no constant that it is given as its function is that of a function it cannot be for.
 *
 * @param isCallee whether the host function of the import can be there to call what lies at an index of the table
 */
export function usedLikeInvoke(
  info: ModuleInfo,
  isCallee: (func: FuncIdx, index: number) => boolean,
): ReadonlySet<FuncIdx> {
  const words = wordsOfSetThrew(info);
  if (words.size === 0) return new Set();
  const candidates = new Set<FuncIdx>();
  for (let func = 0; func < info.importedFuncs; func++) {
    if (info.funcType(info.funcTypes[func] as TypeIdx).params[0] === 'i32') candidates.add(func as FuncIdx);
  }
  const uses = usesOf(info, candidates);
  const wrappers = [...uses.values()]
    .flat()
    .flatMap(({ caller, body, at }) => (at !== null && isWrapper(body, at) ? [caller] : []));
  const outerUses = usesOf(info, new Set(wrappers));
  const isFor = (func: FuncIdx, { body, at }: Use, from: number): boolean => {
    const callee = calleeOf(body, from, at ?? 0, info.funcType(info.funcTypes[func] as TypeIdx).params.length);
    return callee?.op !== 'i32.const' || isCallee(func, callee.i32 >>> 0);
  };
  /** Where the word is cleared, a call is made, and it is taken; null: it is not. */
  const guarded = ({ body, at }: Use): number | null => {
    const cleared = at === null ? null : clearedBefore(body, at, words);
    return at !== null && cleared !== null && takenAfter(body, at, words) === cleared.word ? cleared.next : null;
  };
  const fits = (func: FuncIdx, use: Use): boolean => {
    const from = guarded(use);
    if (from !== null) return isFor(func, use, from);
    // Where an i64 is passed in two halves, the call stands in a function of its own, which may know what it calls.
    if (use.at === null || !isWrapper(use.body, use.at)) return false;
    return isFor(func, use, 0) && outerUses.get(use.caller)?.every((outer) => guarded(outer) !== null) === true;
  };
  return new Set([...uses].flatMap(([func, list]) => (list.every((use) => fits(func, use)) ? [func] : [])));
}

/** A place in a body that names a function; `at` is null where that is no ordinary call. */
interface Use {
  readonly caller: FuncIdx;
  readonly body: Expr;
  readonly at: number | null;
}

const NO_BODY: Expr = [];

/** Where functions are named, by function; those that nothing names are missing. */
function usesOf(info: ModuleInfo, funcs: ReadonlySet<FuncIdx>): ReadonlyMap<FuncIdx, readonly Use[]> {
  const uses = new Map<FuncIdx, Use[]>();
  const use = (func: FuncIdx, found: Use): void => {
    const list = uses.get(func);
    if (list === undefined) uses.set(func, [found]);
    else list.push(found);
  };
  if (funcs.size === 0) return uses;
  const names = (instr: Instr): instr is Instr<'call' | 'return_call' | 'ref.func'> =>
    (instr.op === 'call' || instr.op === 'return_call' || instr.op === 'ref.func') && funcs.has(instr.func);
  info.landmarks.forEach((list, index) => {
    if (!list.some(({ instr }) => names(instr))) return;
    const caller = (info.importedFuncs + index) as FuncIdx;
    const { body } = info.module.funcs[index] as Func;
    body.forEach((instr, at) => {
      if (names(instr)) use(instr.func, { caller, body, at: instr.op === 'call' ? at : null });
    });
  });
  for (const func of info.declaredRefs as ReadonlySet<FuncIdx>) {
    if (funcs.has(func)) use(func, { caller: func, body: NO_BODY, at: null });
  }
  return uses;
}

/** A word at an address that does not change: a constant, or a global (of a library that is loaded anywhere) and an offset. */
type Word = string;

/** The word that a load or store accesses whose address the instruction in front of its operands gives. */
function wordOf(address: Instr | undefined, access: Instr): Word | null {
  if (address === undefined || !('memarg' in access)) return null;
  const { memory, offset } = access.memarg;
  if (address.op === 'i32.const') return `${memory} ${BigInt(address.i32 >>> 0) + offset}`;
  return address.op === 'global.get' ? `${memory} global ${address.global} ${offset}` : null;
}

/** The word that the three instructions ending at a place store 0 to. */
function clears(body: Expr, at: number): Word | null {
  const store = body[at];
  const value = body[at - 1];
  if (store?.op !== 'i32.store' || value?.op !== 'i32.const' || value.i32 !== 0) return null;
  return wordOf(body[at - 2], store);
}

/** Whether it neither calls nor branches, and begins and ends no block. */
function isStraight({ op }: Instr): boolean {
  return !/^(call|return|br|if|else|end|block|loop|try|catch|delegate|rethrow|throw|unreachable|resume|switch|suspend)/.test(
    op,
  );
}

/** Whether it neither calls nor goes back or away: optimisers let branches share their ends. */
function isForward(instr: Instr): boolean {
  return isStraight(instr) || /^(br|br_if|br_table|if|else|end|block)$/.test(instr.op);
}

/** Whether a function does nothing but to call, once, and to change what it passes on and gets back. */
function isWrapper(body: Expr, call: number): boolean {
  return body.every(
    (instr, at) => (isStraight(instr) || (at >= call && instr.op === 'call')) && !instr.op.includes('.store'),
  );
}

/** How many instructions around a call are looked at. */
const SPAN = 1000;

/** The word that is cleared in front of a call and nothing else called since, and where the code in between begins. */
function clearedBefore(
  body: Expr,
  call: number,
  words: ReadonlySet<Word>,
): { readonly word: Word; readonly next: number } | null {
  for (let at = call - 1; at >= Math.max(call - SPAN, 2); at--) {
    const instr = body[at];
    if (instr === undefined || !isForward(instr)) return null;
    const word = clears(body, at);
    if (word !== null && words.has(word)) return { word, next: at + 1 };
  }
  return null;
}

/** The word that is read, and then cleared, behind a call. */
function takenAfter(body: Expr, call: number, words: ReadonlySet<Word>): Word | null {
  let read: Word | null = null;
  for (let at = call + 1, steps = 0; steps < SPAN; at++, steps++) {
    const instr = body[at];
    if (instr === undefined) return null;
    if (instr.op === 'br' || instr.op === 'else') {
      const next = behind(body, at, instr.op === 'br' ? instr.label : 0);
      if (next === null) return null;
      at = next;
    } else if (instr.op === 'i32.load') {
      const word = wordOf(body[at - 1], instr);
      if (word !== null && words.has(word)) read ??= word;
    } else if (isStraight(instr)) {
      const word = clears(body, at);
      if (word !== null && words.has(word)) return word === read ? word : null;
    } else if (instr.op !== 'end') return null;
  }
  return null;
}

/** The `end` of a construct around a place, counted as labels are, which a branch to it goes to; null: it goes back, or away. */
function behind(body: Expr, place: number, label: number): number | null {
  const { around, ends } = nestingOf(body);
  let target = around[place] as number;
  for (let level = 0; level < label && target >= 0; level++) target = around[target] as number;
  return target < 0 || body[target]?.op === 'loop' ? null : (ends[target] as number);
}

interface Nesting {
  /** By instruction, the one that begins the innermost construct it stands in; -1: none but the function. */
  readonly around: Int32Array;
  /** By instruction that begins a construct, its `end`. */
  readonly ends: Int32Array;
}

const nestings = new WeakMap<Expr, Nesting>();

function nestingOf(body: Expr): Nesting {
  const known = nestings.get(body);
  if (known !== undefined) return known;
  const around = new Int32Array(body.length);
  const ends = new Int32Array(body.length);
  let open = -1;
  body.forEach((instr, at) => {
    around[at] = open;
    if ('block' in instr) open = at;
    else if (instr.op === 'end' && open >= 0) {
      ends[open] = at;
      open = around[open] as number;
    }
  });
  const nesting = { around, ends };
  nestings.set(body, nesting);
  return nesting;
}

/** What makes the first operand of a call, with the code from a place on up to the call; null: nothing tells. */
function calleeOf(body: Expr, from: number, call: number, params: number): Instr | null {
  const stack: Instr[] = [];
  for (let at = from; at < call; at++) {
    const instr = body[at] as Instr;
    const effect = EFFECTS[instr.op] ?? effectOf(instr);
    if (effect === null) return null;
    stack.length = Math.max(stack.length - effect[0], 0);
    for (let pushed = 0; pushed < effect[1]; pushed++) stack.push(instr);
  }
  return stack.at(-params) ?? null;
}

type Effect = readonly [pops: number, pushes: number];

const EFFECTS: Readonly<Partial<Record<Instr['op'], Effect>>> = {
  'local.get': [0, 1],
  'local.set': [1, 0],
  'local.tee': [1, 1],
  'global.get': [0, 1],
  'global.set': [1, 0],
  drop: [1, 0],
  select: [3, 1],
};

function effectOf({ op }: Instr): Effect | null {
  const { signature } = opcodeOf(op);
  return signature === null ? null : [signature.params.length, signature.results.length];
}

/** The words that exported functions of type `(i32, i32) -> ()` set to their first parameter and that do little else. */
function wordsOfSetThrew(info: ModuleInfo): ReadonlySet<Word> {
  const words = new Set<Word>();
  for (const { kind, index } of info.module.exports) {
    const func = kind === 'func' ? info.module.funcs[index - info.importedFuncs] : undefined;
    if (func === undefined) continue;
    const { params, results } = info.funcType(func.type);
    if (params.join() !== 'i32,i32' || results.length > 0) continue;
    const { body } = func;
    if (body.length > LARGEST_SETTHREW || body.some(({ op }) => /^(call|return_call|loop)/.test(op))) continue;
    body.forEach((store, at) => {
      const value = body[at - 1];
      if (store.op !== 'i32.store' || value?.op !== 'local.get' || value.local !== 0) return;
      const word = wordOf(body[at - 2], store);
      if (word !== null) words.add(word);
    });
  }
  return words;
}

/** In instructions. It tests a word and sets two. */
const LARGEST_SETTHREW = 24;
