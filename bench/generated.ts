import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';

/** How a generated module grows: by more functions, or by one function's body. */
export const SHAPES = ['many functions', 'one long function'] as const;
export type Shape = (typeof SHAPES)[number];

const PRELUDE = `
  (type $body (func (param i32 i64) (result i64)))
  (type $cont (cont $body))
  (type $rest (func (param i32) (result i64)))
  (type $suspended (cont $rest))
  (type $box (struct (field $value (mut i64))))
  (tag $yield (param i64) (result i32))
  (tag $error (param i64))
  (memory 1)
  (global $count (mut i64) (i64.const 0))
  (elem declare func $f0)
  (func $consume (param $n i32) (result i64)
    (local $k (ref null $suspended)) (local $v i64)
    (block $first (result i64 (ref $suspended))
      (resume $cont (on $yield $first) (local.get $n) (i64.const 1) (cont.new $cont (ref.func $f0)))
      (return))
    (local.set $k) (local.set $v)
    (loop $again
      (block $yielded (result i64 (ref $suspended))
        (resume $suspended (on $yield $yielded) (i32.wrap_i64 (local.get $v)) (local.get $k))
        (return))
      (local.set $k) (local.set $v)
      (br $again))
    (unreachable))
  (export "consume" (func $consume))
  (export "f0" (func $f0))`;

const LOCALS = '(local $i i32) (local $sum i64) (local $f f64) (local $box (ref null $box)) (local $x i64)';

/** A stretch of code as compilers emit it: arithmetic, memory, control flow, objects and calls that may suspend. */
function stretch(index: number, functions: number): string {
  const near = (index + 1) % functions;
  const far = (index * 7 + 3) % functions;
  return `
    (local.set $box (struct.new $box (i64.add (local.get $v) (i64.const ${index}))))
    (local.set $i (i32.and (local.get $n) (i32.const 7)))
    (local.set $f (f64.mul (f64.convert_i64_s (local.get $v)) (f64.const 0.5)))
    (loop $again
      (local.set $sum (i64.add (local.get $sum)
        (i64.load offset=${8 * (index % 1000)} (i32.shl (local.get $i) (i32.const 3)))))
      (if (i32.and (local.get $i) (i32.const 1))
        (then
          (local.set $sum (i64.xor (local.get $sum)
            (call $f${near} (i32.sub (local.get $n) (i32.const 1)) (local.get $sum)))))
        (else
          (i64.store offset=${8 * (index % 1000)} (local.get $i) (local.get $sum))))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (block $caught (result i64)
      (try_table (result i64) (catch $error $caught)
        (if (i32.eqz (local.get $n)) (then (throw $error (local.get $sum))))
        (call $f${far} (i32.sub (local.get $n) (i32.const 2)) (struct.get $box $value (local.get $box)))))
    (local.set $x)
    (if (i64.eqz (i64.and (local.get $x) (i64.const 15)))
      (then (local.set $i (suspend $yield (i64.add (local.get $x) (i64.const ${index}))))))
    (global.set $count (i64.add (global.get $count) (i64.extend_i32_u (local.get $i))))
    (local.set $sum (i64.add (local.get $sum) (i64.trunc_sat_f64_s (local.get $f))))`;
}

/** How many bytes one stretch takes, roughly: what the number of stretches for a size is reckoned by. */
const STRETCH_BYTES: Record<Shape, number> = { 'many functions': 234, 'one long function': 178 };

/** A valid module of about this many bytes in which almost everything may suspend. */
export async function generate(shape: Shape, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const stretches = Math.max(1, Math.round(size / STRETCH_BYTES[shape]));
  const functions = shape === 'many functions' ? stretches : 1;
  const header = (name: number): string => `(func $f${name} (param $n i32) (param $v i64) (result i64) ${LOCALS}`;
  const parts = [PRELUDE];
  for (let at = 0; at < stretches; at++) {
    if (at < functions) parts.push(header(at));
    parts.push(stretch(at, functions));
    if (functions > 1 || at === stretches - 1) parts.push('(local.get $sum))');
  }
  return new Uint8Array(await parse(`(module ${parts.join('\n')})`));
}
