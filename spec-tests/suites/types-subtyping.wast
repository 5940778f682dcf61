;; Continuation types and each other: subtypes, recursive groups, equivalence, linking, and what is invalid.

;; Declared subtypes are used as their supertypes: a resume by the supertype runs them.
(module
  (type $s (sub (struct (field i32))))
  (type $s2 (sub $s (struct (field i32) (field i64))))
  (type $f1 (sub (func (param (ref $s2)) (result (ref null $s)))))
  (type $f2 (sub $f1 (func (param (ref $s)) (result (ref $s2)))))
  (type $c1 (sub (cont $f1)))
  (type $c2 (sub $c1 (cont $f2)))
  (type $c3 (sub final $c2 (cont $f2)))
  (type $box1 (sub (struct (field (ref null $c1)))))
  (type $box2 (sub $box1 (struct (field (ref $c2)) (field i32))))
  (type $g1 (sub (func (param (ref $c3)) (result contref))))
  (type $g2 (sub $g1 (func (param (ref $c1)) (result (ref $c2)))))
  (func $body (type $f2) (struct.new $s2 (i32.add (i32.const 1) (struct.get $s 0 (local.get 0))) (i64.const 5)))
  (elem declare func $body)
  (global $g (ref null $c1) (ref.null $c2))
  (table $t 2 (ref null $c1))
  (func $run (param $k (ref null $c1)) (result i32)
    (struct.get $s 0 (resume $c1 (struct.new $s2 (i32.const 10) (i64.const 0)) (local.get $k)))
  )
  (func (export "super") (result i32) (call $run (cont.new $c2 (ref.func $body))))
  (func (export "final") (result i32) (call $run (cont.new $c3 (ref.func $body))))
  (func (export "own") (result i64)
    (struct.get $s2 1 (resume $c3 (struct.new $s (i32.const 10)) (cont.new $c3 (ref.func $body))))
  )
  (func (export "table") (result i32)
    (table.set $t (i32.const 1) (cont.new $c2 (ref.func $body)))
    (call $run (table.get $t (i32.const 1)))
  )
  (func (export "field") (result i32)
    (call $run (struct.get $box1 0 (struct.new $box2 (cont.new $c3 (ref.func $body)) (i32.const 0))))
  )
  (func (export "cast-box") (result i32)
    (ref.test (ref $box2) (struct.new $box1 (ref.null nocont)))
  )
  (func (export "bind") (result i32)
    (call $run (cont.bind $c2 $c1 (cont.new $c2 (ref.func $body))))
  )
)
(assert_return (invoke "super") (i32.const 11))
(assert_return (invoke "final") (i32.const 11))
(assert_return (invoke "own") (i64.const 5))
(assert_return (invoke "table") (i32.const 11))
(assert_return (invoke "field") (i32.const 11))
(assert_return (invoke "cast-box") (i32.const 0))
(assert_return (invoke "bind") (i32.const 11))

;; Groups in which functions, continuations, structs and arrays are made of each other
(module
  (rec
    (type $f (func (param (ref null $node) (ref null $list)) (result i32)))
    (type $c (cont $f))
    (type $node (struct (field (mut (ref null $c))) (field (mut (ref null $node))) (field i32)))
    (type $list (array (mut (ref null $c)))))
  (tag $next (param (ref $node)) (result (ref null $node) (ref null $list)))
  (func $body (type $f)
    (local $sum i32)
    (loop $l
      (block $end
        (local.set $sum
          (i32.add (i32.mul (local.get $sum) (i32.const 10)) (struct.get $node 2 (br_on_null $end (local.get 0)))))
        (suspend $next (ref.as_non_null (local.get 0)))
        (local.set 1)
        (local.set 0)
        (br $l)
      )
    )
    (i32.add (i32.mul (local.get $sum) (i32.const 10)) (array.len (local.get 1)))
  )
  (func (export "list") (result i32)
    (local $n (ref null $node)) (local $k (ref null $c))
    (local.set $n (struct.new $node (ref.null $c) (ref.null $node) (i32.const 3)))
    (local.set $n (struct.new $node (ref.null $c) (local.get $n) (i32.const 2)))
    (local.set $n (struct.new $node (ref.null $c) (local.get $n) (i32.const 1)))
    (struct.set $node 0 (local.get $n) (cont.new $c (ref.func $body)))
    (local.set $k (struct.get $node 0 (local.get $n)))
    (loop $l
      (block $h (result (ref $node) (ref $c))
        (return
          (resume $c (on $next $h)
            (local.get $n) (array.new_default $list (i32.const 7)) (local.get $k)))
      )
      (local.set $k)
      (local.set $n)
      (local.set $n (struct.get $node 1 (local.get $n)))
      (br $l)
    )
    (unreachable)
  )
  (elem declare func $body)
)
(assert_return (invoke "list") (i32.const 1237))

;; A continuation that takes itself, one that gives itself, and two that take each other
(module
  (rec (type $f (func (param (ref null $c)) (result i32))) (type $c (cont $f)))
  (rec (type $g (func (result (ref null $d)))) (type $d (cont $g)))
  (func $depth (type $f)
    (if (ref.is_null (local.get 0)) (then (return (i32.const 1))))
    (i32.add (i32.const 10) (resume $c (ref.null $c) (local.get 0)))
  )
  (func $gives (type $g) (cont.new $d (ref.func $gives-null)))
  (func $gives-null (type $g) (ref.null $d))
  (func (export "take") (result i32) (resume $c (cont.new $c (ref.func $depth)) (cont.new $c (ref.func $depth))))
  (func (export "give") (result i32) (ref.is_null (resume $d (resume $d (cont.new $d (ref.func $gives))))))
  (elem declare func $depth $gives $gives-null)
)
(assert_return (invoke "take") (i32.const 11))
(assert_return (invoke "give") (i32.const 1))

;; Equal groups are equal types, in one module and between modules; unequal ones are not.
(module $one
  (rec (type $f (func (param (ref null $c)))) (type $c (cont $f)))
  (rec (type $f' (func (param (ref null $c')))) (type $c' (cont $f')))
  (type $h (func (result i32)))
  (type $k (cont $h))
  (type $sk (sub (cont $h)))
  (func (param (ref $c)) (result (ref $c')) (local.get 0))
  (global (export "g") (ref null $c) (ref.null $c'))
  (global (export "k") (ref null $k) (ref.null $k))
  (global (export "m") (mut (ref null $k)) (ref.null $k))
  (func (export "f") (param (ref null $k)) (result (ref null $c)) (ref.null $c))
  (table (export "t") 1 (ref null $k))
  (tag (export "e") (param (ref null $k)))
)
(register "one")
(module
  (rec (type $f (func (param (ref null $c)))) (type $c (cont $f)))
  (type $h (func (result i32)))
  (type $k (cont $h))
  (import "one" "g" (global (ref null $c)))
  (import "one" "g" (global contref))
  (import "one" "k" (global (ref null $k)))
  (import "one" "m" (global (mut (ref null $k))))
  (import "one" "f" (func (param (ref null $k)) (result (ref null $c))))
  (import "one" "t" (table 1 (ref null $k)))
  (import "one" "e" (tag (param (ref null $k))))
)
(assert_unlinkable
  (module (type $h (func (result i64))) (type $k (cont $h)) (import "one" "k" (global (ref null $k))))
  "incompatible import type")
(assert_unlinkable
  (module (type $h (func (result i32))) (type $k (sub (cont $h))) (import "one" "k" (global (ref null $k))))
  "incompatible import type")
(assert_unlinkable
  (module (type $h (func (result i32))) (type $k (cont $h)) (import "one" "k" (global (ref $k))))
  "incompatible import type")
(assert_unlinkable
  (module (import "one" "m" (global (mut contref))))
  "incompatible import type")
(assert_unlinkable
  (module (type $h (func (result i64))) (type $k (cont $h)) (import "one" "t" (table 1 (ref null $k))))
  "incompatible import type")
(assert_unlinkable
  (module (type $h (func (result i64))) (type $k (cont $h)) (import "one" "e" (tag (param (ref null $k)))))
  "incompatible import type")
(assert_unlinkable
  (module (type $f (func)) (type $c (cont $f)) (import "one" "f" (func (param (ref null $c)) (result (ref null $c)))))
  "incompatible import type")
(assert_unlinkable
  (module (import "one" "k" (global anyref)))
  "incompatible import type")

;; Invalid types and uses of them
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (func (local (ref $c)) (drop (local.get 0))))
  "uninitialized local")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (table 1 (ref $c)))
  "type mismatch")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (type $d (sub $c (cont $f))))
  "sub type")
(assert_invalid
  (module (type $f (func)) (type $c (sub (cont $f))) (type $d (sub $c (func))))
  "sub type")
(assert_invalid
  (module (type $s (sub (struct))) (type $f (func)) (type $c (sub $s (cont $f))))
  "sub type")
(assert_invalid
  (module
    (type $f (func (result i32))) (type $g (func (result i64)))
    (type $c (sub (cont $f))) (type $d (sub $c (cont $g))))
  "sub type")
(assert_invalid
  (module (type $a (array i32)) (type $c (cont $a)))
  "non-function type")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (type $d (cont $c)))
  "non-function type")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (func (type $c)))
  "non-function type")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (tag (type $c)))
  "non-function type")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (func (param (ref $c)) (call_ref $c (local.get 0))))
  "non-function type")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (global (ref $c) (ref.null $c)))
  "type mismatch")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (func $x) (global (ref null $c) (cont.new $c (ref.func $x))))
  "constant expression required")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (global (ref null $c) (ref.null func)))
  "type mismatch")
(assert_invalid
  (module (type $f (func)) (type $c (cont $f)) (func (param contref) (resume $c (local.get 0))))
  "type mismatch")
