import { describe, expect, it } from 'vitest';
import { transform } from '../../asyncify/index.ts';
import { CHECK, type CheckName } from '../../asyncify/lower/interface.ts';
import { type Invariant, InvariantChecker, InvariantError } from '../../continuations/checks.ts';
import { Store } from '../../continuations/index.ts';
import { parseText } from '../runner/index.ts';

/** Two stacks, the outer one suspended with what it waits for; `catching` would see any exception. */
const TEXT = `(module
  (type $v (func)) (type $cv (cont $v)) (type $p (func (param i32))) (type $cp (cont $p))
  (import "env" "host" (func $host))
  (tag $inner) (tag $outer (param anyref))
  (elem declare func $leaf $middle)
  (func $pause (suspend $outer (ref.null any)))
  (func $leaf (type $p) (call $host) (call $pause) (suspend $inner))
  (func $middle (local $k (ref null $cv))
    (block $h (result (ref $cv))
      (resume $cv (on $inner $h) (cont.bind $cp $cv (i32.const 1) (cont.new $cp (ref.func $leaf))))
      (return))
    (local.set $k)
    (resume $cv (local.get $k)))
  (func $run (local $k (ref null $cv))
    (block $h (result anyref (ref $cv))
      (resume $cv (on $outer $h) (cont.new $cv (ref.func $middle)))
      (return))
    (local.set $k)
    (drop)
    (resume $cv (local.get $k)))
  (func (export "run") (result i32)
    (block $h (try_table (catch_all $h) (call $run)) (return (i32.const 0)))
    (i32.const 1)))`;

type View = [
  point: number,
  unwinding: number,
  level: number,
  reentering: number,
  slotsEmpty: number,
  limit: number,
  current: object | null,
  subject: object | null,
  other: object | null,
  func: unknown,
];
const [UNWINDING, LEVEL, REENTERING, SLOTS_EMPTY, LIMIT, CURRENT, SUBJECT, OTHER, FUNC] = [1, 2, 3, 4, 5, 6, 7, 8, 9];

const bytes = transform(await parseText(TEXT), { checks: true }).bytes;

/** Runs it with a checker that is shown something else wherever `tamper` says so. */
function run(tamper: (view: View, seen: readonly View[]) => View[]) {
  const checker = new InvariantChecker();
  const seen: View[] = [];
  const check = (...view: View): void => {
    seen.push(view);
    for (const shown of tamper([...view], seen)) checker.check(...shown);
  };
  const store = new Store({ checks: { checkOf: () => check, stackPointer: checker.stackPointer.bind(checker) } });
  const { exports } = store.instantiate(new WebAssembly.Module(bytes), { env: { host: () => {} } });
  return { checker, seen, result: (exports.run as () => number)() };
}

/** At one transition, the nth time, shows a changed view. */
const at = (point: CheckName, change: (view: View, seen: readonly View[]) => void, nth = 1) => {
  let times = 0;
  return (view: View, seen: readonly View[]): View[] => {
    if (view[0] === CHECK[point] && ++times === nth) change(view, seen);
    return [view];
  };
};
const set = (field: number, value: unknown) => (view: View) => {
  (view as unknown[])[field] = value;
};
const earlier = (field: number, point: CheckName, from: number) => (view: View, seen: readonly View[]) => {
  (view as unknown[])[field] = seen.find((entry) => entry[0] === CHECK[point])?.[from] ?? null;
};

describe('invariants', () => {
  it('hold', () => {
    const { checker, result } = run((view) => [view]);
    expect(result).toBe(0);
    expect(checker.violation).toBe(null);
    const unused: CheckName[] = ['guest', 'start', 'unbalanced', 'caught', 'hostResumed', 'renewed', 'based'];
    expect(Object.keys(CHECK).filter((name) => !checker.counts.has(name as CheckName))).toEqual(unused);
  });

  const twice =
    (point: CheckName) =>
    (view: View): View[] =>
      view[0] === CHECK[point] ? [view, view] : [view];
  const broken: readonly (readonly [Invariant, string, (view: View, seen: readonly View[]) => View[]])[] = [
    ['one-shot', 'a continuation is consumed again', twice('consumed')],
    ['stack-state', 'a stack is resumed that runs', twice('resumed')],
    ['stack-state', 'a stack ends twice', twice('finished')],
    ['stack-state', 'a stack is captured twice', twice('captured')],
    ['current-stack', 'another stack is current', at('left', earlier(CURRENT, 'resumed', SUBJECT), 4)],
    ['stack-chain', 'a chain is cut off elsewhere', at('captured', (view) => set(OTHER as number, view[7])(view))],
    ['stack-chain', 'more drivers than stacks', at('suspended', set(LEVEL as number, 9))],
    ['frame-list', 'another frame runs than the innermost', at('entering', set(OTHER as number, null))],
    ['frame-limit', 'a stack is beyond the limit', at('saved', set(LIMIT as number, 0))],
    ['frame-owner', 'a frame is saved again', twice('saved')],
    ['frame-owner', 'a frame is on two stacks', at('saved', earlier(OTHER as number, 'saved', OTHER as number), 3)],
    ['frame-function', 'a function is re-entered by another', at('entered', set(FUNC as number, null))],
    ['unwinding', 'guest code runs while frames are saved', at('hostCalling', set(UNWINDING as number, 1))],
    ['unwinding', 'a suspension passes the host', at('hostLeft', set(UNWINDING as number, 2))],
    ['reentering', 'a mark is left', at('left', set(REENTERING as number, 1))],
    ['level', 'a driver is not counted', at('hostLeft', set(LEVEL as number, 1))],
    ['level', 'no driver runs', at('entering', set(LEVEL as number, 0))],
    ['slots', 'a reference is left', at('hostCalling', set(SLOTS_EMPTY as number, 0))],
  ];
  it.each(broken)('%s: %s', (invariant, _, tamper) => {
    let thrown: unknown;
    try {
      run(tamper);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(InvariantError);
    expect(thrown).toMatchObject({ kind: 'invariant', name: 'InvariantError', invariant });
  });

  it('shadow-stack: a handler leaves another stack pointer', () => {
    const checker = new InvariantChecker();
    checker.stackPointer(64, 64);
    expect(() => checker.stackPointer(64, 48)).toThrow(InvariantError);
    expect(checker.violation).toMatchObject({ invariant: 'shadow-stack' });
  });

  it('a module with checks does not link with a store that has none', () => {
    expect(() => new Store().instantiate(new WebAssembly.Module(bytes), { env: { host: () => {} } })).toThrow(
      WebAssembly.LinkError,
    );
  });
});
