import { type Linking, transform } from '../../asyncify/index.ts';
import { InvariantChecker } from '../../continuations/checks.ts';
import { Store, type StoreOptions } from '../../continuations/index.ts';
import { parseText } from '../runner/index.ts';

/** What happens at the bottom of a chain of stacks. */
export const FAULTS = [
  'host',
  'unreachable',
  'out-of-bounds',
  'division',
  'recursion',
  'consumed',
  'unhandled',
  'suspended-host',
  'null-function',
  'exception',
  'memory',
  'unhandled-reference',
  'deep-suspension',
  'switched',
  'caught-host',
  'far-suspension',
] as const;
export type Fault = (typeof FAULTS)[number];

const text = (start: string): string => `(module
  (type $v (func)) (type $cv (cont $v))
  (type $fi (func (param i32 i32))) (type $ci (cont $fi))
  (rec (type $f (func (param i32 (ref null $c)) (result i64))) (type $c (cont $f)))
  (type $fm (func (param i32 i32 (ref null $c)) (result i64))) (type $cm (cont $fm))
  (import "env" "host" (func $host (param i32) (result i32)))
  (tag $yield (param i32)) (tag $pause) (tag $far) (tag $nobody) (tag $oops (param i32)) (tag $swap (result i64))
  (tag $reference (param anyref) (result anyref))
  (table $ring 10 (ref null $c))
  (memory 1 1)
  (global $trace (mut i64) (i64.const 0))
  (global $zero (mut i32) (i32.const 0))
  (global $held (mut (ref null $cv)) (ref.null $cv))
  (elem declare func $count $member $thrower $level $pausing $held-body)

  (func $count (local $i i32)
    (loop $l
      (suspend $yield (local.get $i))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 10)))))
  (func $generator (export "generator") (result i32) (local $k (ref null $cv)) (local $s i32)
    (local.set $k (cont.new $cv (ref.func $count)))
    (loop $l
      (block $h (result i32 (ref $cv))
        (resume $cv (on $yield $h) (local.get $k))
        (return (local.get $s)))
      (local.set $k)
      (local.set $s (i32.add (local.get $s)))
      (br $l))
    (unreachable))

  (func $member (type $fm) (param $i i32) (param $n i32) (param $from (ref null $c)) (result i64)
    (loop $l
      (block $first
        (table.set $ring (i32.rem_u (i32.add (local.get $i) (i32.const 9)) (i32.const 10)) (br_on_null $first (local.get $from))))
      (global.set $trace (i64.add (i64.mul (global.get $trace) (i64.const 7)) (i64.extend_i32_u (local.get $i))))
      (if (i32.eqz (local.get $n)) (then (return (global.get $trace))))
      (switch $c $swap (i32.sub (local.get $n) (i32.const 1))
        (table.get $ring (i32.rem_u (i32.add (local.get $i) (i32.const 1)) (i32.const 10))))
      (local.set $from) (local.set $n)
      (br $l))
    (unreachable))
  (func $fill (local $i i32)
    (global.set $trace (i64.const 0))
    (loop $l
      (table.set $ring (local.get $i) (cont.bind $cm $c (local.get $i) (cont.new $cm (ref.func $member))))
      (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 10)))))
  (func (export "ring") (result i64)
    (call $fill)
    (resume $c (on $swap switch) (i32.const 12) (ref.null $c) (table.get $ring (i32.const 0))))

  (func $thrower (suspend $pause) (throw $oops (i32.const 33)))
  (func $middle (local $k (ref null $cv))
    (block $h (result (ref $cv))
      (resume $cv (on $pause $h) (cont.new $cv (ref.func $thrower)))
      (return))
    (local.set $k)
    (resume $cv (local.get $k)))
  (func (export "exceptions") (result i32)
    (block $h (result i32) (try_table (catch $oops $h) (call $middle)) (i32.const -1)))

  (func $recurse (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
  (func $pausing (suspend $pause))
  (func $never (if (global.get $zero) (then (suspend $pause))) (global.set $zero (i32.const 1)))
  (func $deep-pause (param i32)
    (if (i32.eqz (local.get 0)) (then (suspend $pause)) (else (call $deep-pause (i32.sub (local.get 0) (i32.const 1)))))
    ;; So that the call is not the last thing it does.
    (global.set $zero (global.get $zero)))

  (func $fault (param $kind i32) (local $k (ref null $cv))
    (block $15 (block $14 (block $13 (block $12 (block $11 (block $10 (block $9 (block $8 (block $7 (block $6 (block $5 (block $4 (block $3 (block $2
    (block $1 (block $0
      (br_table $0 $1 $2 $3 $4 $5 $6 $7 $8 $9 $10 $11 $12 $13 $14 $15 (local.get $kind)))
      (drop (call $host (i32.const 1))) (return))
      (unreachable))
      (drop (i32.load (i32.const 0x7fffffff))) (return))
      (drop (i32.div_u (i32.const 1) (global.get $zero))) (return))
      (drop (call $recurse (i32.const 0))) (return))
      (local.set $k (cont.new $cv (ref.func $pausing)))
      (block $h (result (ref $cv)) (resume $cv (on $pause $h) (local.get $k)) (return))
      (drop) (resume $cv (local.get $k)) (return))
      (suspend $nobody) (return))
      (suspend $pause) (drop (call $host (i32.const 7))) (return))
      (drop (cont.new $cv (ref.null $v))) (return))
      (throw $oops (i32.const 9)))
      (if (i32.ne (memory.grow (i32.const 1)) (i32.const -1)) (then (return)))
      (i32.store (i32.const 65533) (i32.const 1)) (return))
      (drop (suspend $reference (ref.i31 (i32.const 3)))) (return))
      (call $deep-pause (i32.const 300)) (return))
    (call $fill)
    (table.set $ring (i32.const 1) (ref.null $c))
    (drop (resume $c (on $swap switch) (i32.const 5) (ref.null $c) (table.get $ring (i32.const 0)))) (return))
    (block $h (try_table (catch_all $h) (drop (call $host (i32.const 2)))))
    (call $never)
    (global.set $zero (i32.const 0)) (return))
    (suspend $far) (drop (call $host (i32.const 15))) (suspend $far))

  ;; Runs the rest on one more stack; what pauses is resumed once.
  (func $level (type $fi) (param $depth i32) (param $kind i32) (local $k (ref null $cv))
    (if (i32.eqz (local.get $depth)) (then (call $fault (local.get $kind)) (return)))
    (block $h (result (ref $cv))
      (resume $ci (on $pause $h) (i32.sub (local.get $depth) (i32.const 1)) (local.get $kind) (cont.new $ci (ref.func $level)))
      (return))
    (local.set $k)
    (resume $cv (local.get $k)))
  ;; On a stack around all that, which takes what is suspended from afar.
  (func $fail (export "fail") (param $depth i32) (param $kind i32) (local $k (ref null $cv))
    (block $done
      (block $h (result (ref $cv))
        (resume $ci (on $far $h) (local.get $depth) (local.get $kind) (cont.new $ci (ref.func $level)))
        (br $done))
      (local.set $k)
      (loop $l
        (block $h (result (ref $cv)) (resume $cv (on $far $h) (local.get $k)) (br $done))
        (local.set $k)
        (br $l))))
  ;; 1: an exception came out of it, and all is well.
  (func (export "catching") (param $depth i32) (param $kind i32) (result i32)
    (block $h (try_table (catch_all $h) (call $fail (local.get $depth) (local.get $kind))) (return (i32.const 0)))
    (i32.eq (call $generator) (i32.const 45)))

  (func $held-body (suspend $pause) (drop (call $host (i32.const 5))) (suspend $pause))
  ;; Leaves a stack suspended; runs it on; and gives it away.
  (func (export "hold")
    (block $h (result (ref $cv)) (resume $cv (on $pause $h) (cont.new $cv (ref.func $held-body))) (unreachable))
    (global.set $held))
  (func (export "go-on")
    (block $h (result (ref $cv)) (resume $cv (on $pause $h) (global.get $held)) (return))
    (global.set $held))
  (func (export "give") (result (ref null $cv)) (global.get $held))
  (func (export "run") (param (ref null $cv))
    (block $h (result (ref $cv)) (resume $cv (on $pause $h) (local.get 0)) (return))
    (drop))
  ${start})`;

const STARTS = {
  none: '',
  trap: '(func $start (call $fail (i32.const 3) (i32.const 1))) (start $start)',
  exception: '(func $start (call $fail (i32.const 3) (i32.const 9))) (start $start)',
};

export interface Build {
  readonly linking: Linking;
  readonly checks: boolean;
}

export const BUILDS: readonly Build[] = (['linked', 'closed'] as const).flatMap((linking) =>
  [false, true].map((checks) => ({ linking, checks })),
);

type Call<Result> = (...args: unknown[]) => Result;
export interface Guest {
  readonly generator: Call<number>;
  readonly ring: Call<bigint>;
  readonly exceptions: Call<number>;
  readonly fail: Call<void>;
  readonly catching: Call<number>;
  readonly hold: Call<void>;
  readonly 'go-on': Call<void>;
  readonly give: Call<unknown>;
  readonly run: Call<void>;
}

/** One store and the modules that run in it; `host` is what the guests' import does. */
export class World {
  readonly checker: InvariantChecker | null;
  readonly #build: Build;
  readonly #store: Store;
  readonly #modules = new Map<string, WebAssembly.Module>();
  host: (argument: number) => number = (argument) => argument;

  constructor(build: Build, options: StoreOptions = {}) {
    this.#build = build;
    this.checker = build.checks ? new InvariantChecker() : null;
    this.#store = new Store(this.checker === null ? options : { ...options, checks: this.checker });
  }

  async instantiate(start: keyof typeof STARTS = 'none', suspending: readonly string[] = []) {
    const key = JSON.stringify([start, suspending]);
    let module = this.#modules.get(key);
    if (module === undefined) {
      const options = suspending.length === 0 ? this.#build : { ...this.#build, suspending };
      module = new WebAssembly.Module(transform(await parseText(text(STARTS[start])), options).bytes);
      this.#modules.set(key, module);
    }
    const env = { host: (argument: number) => this.host(argument) };
    const { exports, instance } = this.#store.instantiate(module, { env });
    return { guest: exports as unknown as Guest, hidden: instance.exports };
  }
}

/** What a guest answers while all is well. */
export function sanity(guest: Guest): readonly unknown[] {
  return [guest.generator(), guest.ring(), guest.exceptions()];
}
export const SANE = [45, 2691360828n, 33] as const;
