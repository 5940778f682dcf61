/** Modules in the text format that between them have every section, type form and segment form. */
export const TEXTS: { readonly [name: string]: string } = {
  empty: '(module)',
  types: `(module
    (type (sub (func (param i32 i64 f32 f64 v128) (result anyref))))
    (rec
      (type $a (sub (struct (field i8) (field (mut i16)) (field (ref null $b)))))
      (type $b (sub final $a (struct (field i8) (field (mut i16)) (field (ref null $b)) (field (mut (ref $c))))))
      (type $c (array (mut (ref null any)))))
    (type $f (func (param exnref nullexnref) (result (ref noextern) eqref)))
    (type $k (cont $f))
    (type (func (param (ref $k) (ref null cont) (ref nocont) i31ref structref arrayref)))
    (rec))`,
  imports: `(module
    (type $f (func (param i32)))
    (import "m" "f" (func (type $f)))
    (import "m" "t" (table 1 2 externref))
    (import "m" "t64" (table i64 1 funcref))
    (import "m" "m" (memory i64 1 0x100000000))
    (import "" "s" (memory 1 2 shared))
    (import "m" "g" (global (mut (ref null $f))))
    (import "\u{1f600}" "tag" (tag (type $f)))
    (export "f" (func 0)) (export "t" (table 1)) (export "m" (memory 0)) (export "g" (global 0)) (export "e" (tag 0)))`,
  segments: `(module
    (table 4 funcref) (table 4 (ref null func)) (table 2 (ref func) (ref.func $f)) (table 3 externref) (memory 1) (memory 1)
    (func $f) (start $f)
    (elem (i32.const 0) func $f $f)
    (elem func $f)
    (elem (table 1) (i32.const 1) func $f)
    (elem declare func $f)
    (elem (i32.const 1) funcref (ref.func $f) (ref.null func))
    (elem funcref (ref.null func))
    (elem (table 3) (offset (i32.const 0)) externref (ref.null extern))
    (elem declare (ref func) (item block (result (ref func)) ref.func $f end))
    (global i32 (i32.add (i32.const 1) (i32.const 2))) (global (mut f64) (f64.const nan:0x4000000000001))
    (data (i32.const 0) "active")
    (data "passive")
    (data (memory 1) (i32.const 8) "\\00\\ff")
    (func (memory.init 1 1 (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop 1)))`,
  control: `(module
    (tag $e (param i32)) (type $t (func (param i32) (result i32 i32)))
    (func (param i32) (result i32) (local i32 i32 i64 (ref null $t) f32 f32 f32)
      (block $out (result i32)
        (loop (br_table 0 1 0 (local.get 0)) )
        (if (result i32) (local.get 0) (then (i32.const 1)) (else (br $out (i32.const 2))))
        (block $h (result i32) (try_table (catch $e $h) (catch_all 1) (throw $e (i32.const 3))) (i32.const 4))
        drop))
    (func try try nop delegate 0 catch $e drop rethrow 0 catch_all end))`,
  switching: `(module
    (type $f (func)) (type $k (cont $f)) (tag $t) (tag $x (param i32)) (type $s (func (param (ref null $k)))) (type $ks (cont $s))
    (func $g (suspend $t)) (elem declare func $g)
    (func (param $c (ref null $ks))
      (block $on (result (ref $k))
        (resume $k (on $t $on) (on $x switch) (cont.new $k (ref.func $g)))
        (resume_throw $k $x (i32.const 1) (cont.new $k (ref.func $g)))
        (resume_throw_ref $k (on $t $on) (ref.null exn) (cont.new $k (ref.func $g)))
        (switch $ks $t (local.get $c))
        (cont.bind $k $k (cont.new $k (ref.func $g))))
      drop))`,
  customs: `(module $named
    (@custom "first" (before first) "1")
    (@custom "after types" (after type) "2")
    (@custom "twin" (after type) "3")
    (@custom "before code" (before code) "")
    (type $t (struct (field $x i32)))
    (func $f (param $p i32) (local $l i64) (block $b))
    (@custom "last" (after last) "\\00\\ff"))`,
};
