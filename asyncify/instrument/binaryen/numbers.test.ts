import { describe, expect, it } from 'vitest';
import { assemble, Guest, WAYS } from './guest.test-data.ts';

/** A program, the function to run, and arguments. */
type Case = readonly [what: string, fields: string, args: readonly (readonly (number | bigint)[])[]];

const cases: readonly Case[] = [
  [
    'nested loops',
    `(func (export "f") (param $n i32) (result i64)
      (local $i i32) (local $j i32) (local $sum i64)
      (loop $outer
        (local.set $j (i32.const 0))
        (loop $inner
          (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (i32.mul (local.get $i) (local.get $j)))))
          (br_if $inner (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
        (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (local.get $sum))`,
    [[0], [1], [7]],
  ],
  [
    'operands below a call, and recursion',
    `(func $f (export "f") (param $n i32) (result i32)
      (if (result i32) (i32.lt_s (local.get $n) (i32.const 2))
        (then (local.get $n))
        (else (i32.add
          (call $f (i32.sub (local.get $n) (i32.const 1)))
          (call $f (i32.sub (local.get $n) (i32.const 2)))))))`,
    [[1], [9]],
  ],
  [
    'indirect calls',
    `(type $op (func (param i32) (result i32)))
    (table funcref (elem $twice $three $loops))
    (func $twice (type $op) (i32.mul (local.get 0) (i32.const 2)))
    (func $three (type $op) (i32.add (call_indirect (type $op) (local.get 0) (i32.const 0)) (local.get 0)))
    (func $loops (type $op) (local $sum i32)
      (loop $again
        (local.set $sum (i32.add (local.get $sum) (call_indirect (type $op) (local.get 0) (i32.const 1))))
        (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
      (local.get $sum))
    (func (export "f") (param $n i32) (param $which i32) (result i32)
      (call_indirect (type $op) (local.get $n) (local.get $which)))`,
    [
      [5, 0],
      [5, 1],
      [5, 2],
    ],
  ],
  [
    'memory',
    `(memory (export "memory") 1)
    (data (i32.const 8) "\\05\\03\\09\\01\\07\\00\\02\\08")
    (func $swap (param $a i32) (param $b i32) (local $t i32)
      (local.set $t (i32.load8_u (local.get $a)))
      (i32.store8 (local.get $a) (i32.load8_u (local.get $b)))
      (i32.store8 (local.get $b) (local.get $t)))
    (func (export "f") (param $n i32) (result i64) (local $i i32) (local $j i32)
      (loop $outer
        (local.set $j (i32.const 0))
        (loop $inner
          (if (i32.gt_u (i32.load8_u offset=8 (local.get $j)) (i32.load8_u offset=9 (local.get $j)))
            (then (call $swap (i32.add (local.get $j) (i32.const 8)) (i32.add (local.get $j) (i32.const 9)))))
          (br_if $inner (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
        (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
      (i64.load (i32.const 8)))`,
    [[7]],
  ],
  [
    'several results and all number types',
    `(func $pair (param $n i32) (result i64 f32 f64)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i64.const 0x7fffffffffffffff) (f32.const 1.5) (f64.const -0.0))
    (func (export "f") (param $n i32) (param $a i64) (param $b f32) (param $c f64) (result f64 i64 f32 i32)
      (local $i i64) (local $f f32) (local $d f64)
      (loop $again (param) 
        (call $pair (local.get $n)) (local.set $d) (local.set $f) (local.set $i)
        (local.set $a (i64.add (local.get $a) (local.get $i)))
        (local.set $b (f32.add (local.get $b) (local.get $f)))
        (local.set $c (f64.div (f64.const 1) (local.get $d)))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (local.get $c) (local.get $a) (local.get $b) (local.get $n))`,
    [
      [1, -3n, 0.25, 2],
      [4, 3n, -0.5, Infinity],
    ],
  ],
  [
    'bits of a NaN',
    `(func $wait (param $n i32)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "f") (param $a i32) (param $b i64) (result i32 i64)
      (local $f f32) (local $d f64)
      (local.set $f (f32.reinterpret_i32 (local.get $a)))
      (local.set $d (f64.reinterpret_i64 (local.get $b)))
      (call $wait (i32.const 3))
      (i32.reinterpret_f32 (local.get $f)) (i64.reinterpret_f64 (local.get $d)))`,
    [
      [0x7fa0_1234, 0x7ff4_0000_dead_beefn],
      [-0x0040_0000, -1n],
    ],
  ],
  [
    'vectors',
    `(func $wait (param $n i32)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1))))))
    (func (export "f") (param $n i32) (result i32) (local $v v128)
      (local.set $v (i32x4.splat (local.get $n)))
      (loop $again
        (local.set $v (i32x4.add (local.get $v) (v128.const i32x4 1 2 3 4)))
        (call $wait (local.get $n))
        (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.add (i32x4.extract_lane 0 (local.get $v)) (i32x4.extract_lane 3 (local.get $v))))`,
    [[1], [5]],
  ],
  [
    'branches back by br, br_if and br_table',
    `(func (export "f") (param $n i32) (result i32) (local $sum i32)
      (block $done
        (loop $a
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (local.set $sum (i32.add (local.get $sum) (i32.const 10)))
          (loop $b
            (br_if $done (i32.lt_s (local.get $n) (i32.const 0)))
            (local.set $sum (i32.add (local.get $sum) (i32.const 1)))
            (local.set $n (i32.sub (local.get $n) (i32.const 1)))
            (br_table $a $b $done $a $b (i32.rem_u (local.get $n) (i32.const 5))))))
      (local.get $sum))`,
    [[3], [9], [24]],
  ],
  [
    'loops with parameters and results',
    `(func (export "f") (param $n i32) (result i64 i32)
      (i64.const 1) (local.get $n)
      (loop $again (param i64 i32) (result i64 i32)
        (local.set $n)
        (i64.mul (i64.extend_i32_s (local.get $n)))
        (i32.sub (local.get $n) (i32.const 1))
        (local.tee $n) (local.get $n)
        (br_if $again)))`,
    [[1], [12]],
  ],
  [
    'mutual recursion, and a global',
    `(global $calls (mut i32) (i32.const 0))
    (func $even (param i32) (result i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
      (if (result i32) (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))
    (func $odd (param i32) (result i32)
      (if (result i32) (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))
    (func (export "f") (param i32) (result i32 i32) (call $even (local.get 0)) (global.get $calls))`,
    [[0], [21]],
  ],
  [
    'a function that only tail-calls',
    `(func $wait (param $n i32) (result i32)
      (loop $again (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
      (i32.const 5))
    (global $entered (mut i32) (i32.const 0))
    (func $tail (param $n i32) (result i32)
      (global.set $entered (i32.add (global.get $entered) (i32.const 1)))
      (return_call $wait (local.get $n)))
    (func (export "f") (param $n i32) (result i32)
      (i32.add (i32.mul (call $tail (local.get $n)) (i32.const 100)) (global.get $entered)))`,
    [[4]],
  ],
];

describe.each(cases)('%s', (_, fields, args) => {
  const text = `(module ${fields})`;
  const plain = async (list: readonly unknown[]): Promise<unknown> => {
    const module = new WebAssembly.Module((await assemble(text)) as Uint8Array<ArrayBuffer>);
    return (new WebAssembly.Instance(module).exports.f as (...args: readonly unknown[]) => unknown)(...list);
  };

  it.each(WAYS)('%s', async (way) => {
    for (const list of args) {
      const expected = await plain(list);
      const called = await Guest.make(way, text);
      expect((called.exports.f as (...args: readonly unknown[]) => unknown)(...list), 'as an export').toEqual(expected);
      for (const fuel of [0, 1, 2, 1000]) {
        const guest = await Guest.make(way, text);
        expect(guest.run('f', list, { fuel }), `fuel ${fuel}`).toEqual(expected);
        const frames = await Guest.make('frames', text);
        frames.run('f', list, { fuel });
        expect(guest.yields, `yields with fuel ${fuel}`).toBe(frames.yields);
      }
      const epoch = await Guest.make(way, text, { poll: 'epoch' });
      epoch.epoch = 1;
      expect(epoch.run('f', list), 'epoch').toEqual(expected);
    }
  });
});
