;; Suspensions in code that leaves loops for good: by return, by branches outward, by exceptions, with values on the stack.

(module
  (type $f (func (param i32) (result i32)))
  (type $c (cont $f))
  (type $after (func (param i32) (result i32)))
  (type $ca (cont $after))
  (tag $ask (param i32) (result i32))
  (tag $exn (param i32))

  (func $ask (param i32) (result i32) (suspend $ask (local.get 0)))
  (func $note (param i32) (drop (suspend $ask (local.get 0))))

  ;; return from the innermost of two loops
  (func $two-loops (type $f) (local $i i32) (local $j i32)
    (loop $outer
      (local.set $j (i32.const 0))
      (loop $inner
        (if (i32.eq (i32.mul (local.get $i) (local.get $j)) (local.get 0))
          (then
            (call $note (i32.add (i32.mul (local.get $i) (i32.const 100)) (local.get $j)))
            (return (call $ask (local.get $i)))))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $inner (i32.le_u (local.get $j) (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $outer))
    (unreachable))
  (elem declare func $two-loops)

  ;; out of the inner loop into the outer one, which goes on
  (func $to-outer (type $f) (local $i i32) (local $sum i32)
    (loop $outer
      (loop $inner
        (block $leave
          (block $stay
            (br_table $stay $leave (i32.and (local.get $i) (i32.const 1))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $inner))
        (local.set $sum (i32.add (local.get $sum) (call $ask (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $outer (i32.lt_u (local.get $i) (local.get 0)))
        (return (local.get $sum))))
    (unreachable))
  (elem declare func $to-outer)

  ;; operands of the loop and below it, and a loop with a result
  (func $operands (type $f) (local $i i32)
    (i32.const 1000)
    (i32.const 5)
    (loop $l (result i32)
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (block $found (result i32)
        (drop (br_if $found (i32.const 7) (i32.eq (local.get $i) (i32.const 3))))
        (if (i32.eq (local.get 0) (local.get $i))
          (then
            (local.get $i)
            (if (i32.eq (local.get $i) (i32.const 2)) (then (call $note (i32.const -2)) (return (call $ask (i32.const 20)))))
            (call $note)
            (return (i32.const 99))))
        (br $l))
      (i32.add (call $ask (local.get $i))))
    (i32.add)
    (i32.add))
  (elem declare func $operands)

  ;; the try_table is inside the loop: what is in there has to stay
  (func $caught-inside (type $f) (local $i i32)
    (loop $l
      (block $h (result i32)
        (try_table (catch $exn $h)
          (if (i32.eq (local.get $i) (local.get 0))
            (then (call $note (local.get $i)) (throw $exn (call $ask (i32.const 50)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $l))
        (unreachable))
      (return (i32.add (call $ask (i32.const 60)))))
    (unreachable))
  (elem declare func $caught-inside)

  ;; the try_table is around the loop: it catches what leaves
  (func $caught-outside (type $f) (local $i i32)
    (block $h (result i32)
      (try_table (catch $exn $h)
        (loop $l
          (if (i32.eq (local.get $i) (local.get 0))
            (then (call $note (local.get $i)) (throw $exn (call $ask (i32.const 70)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $l)))
      (unreachable))
    (i32.add (call $ask (i32.const 80))))
  (elem declare func $caught-outside)

  ;; loops in code that leaves a loop, and dead code behind it
  (func $nested (type $f) (local $i i32) (local $sum i32)
    (loop $l
      (block $out
        (br_if $out (i32.ge_u (local.get $i) (local.get 0)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $l))
      (loop $m
        (local.set $sum (i32.add (local.get $sum) (call $ask (local.get $i))))
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (br_if $m (local.get $i)))
      (if (i32.eqz (local.get $sum)) (then (return (call $ask (i32.const 1)))) (else (return (local.get $sum))))
      (drop (call $ask (i32.const 2))))
    (unreachable))
  (elem declare func $nested)

  ;; Answers every question with it, plus one; the digits of the result are what was asked.
  (func $run (param $k (ref $c)) (param $n i32) (result i32 i64)
    (local $trace i64) (local $value i32) (local $next (ref null $ca))
    (block $asked (result i32 (ref $ca))
      (resume $c (on $ask $asked) (local.get $n) (local.get $k))
      (return (local.get $trace)))
    (local.set $next) (local.set $value)
    (loop $l
      (local.set $trace (i64.add (i64.mul (local.get $trace) (i64.const 1000)) (i64.extend_i32_s (local.get $value))))
      (block $again (result i32 (ref $ca))
        (resume $ca (on $ask $again) (i32.add (local.get $value) (i32.const 1)) (local.get $next))
        (return (local.get $trace)))
      (local.set $next) (local.set $value)
      (br $l))
    (unreachable))

  (func (export "two-loops") (param i32) (result i32 i64) (call $run (cont.new $c (ref.func $two-loops)) (local.get 0)))
  (func (export "to-outer") (param i32) (result i32 i64) (call $run (cont.new $c (ref.func $to-outer)) (local.get 0)))
  (func (export "operands") (param i32) (result i32 i64) (call $run (cont.new $c (ref.func $operands)) (local.get 0)))
  (func (export "caught-inside") (param i32) (result i32 i64)
    (call $run (cont.new $c (ref.func $caught-inside)) (local.get 0)))
  (func (export "caught-outside") (param i32) (result i32 i64)
    (call $run (cont.new $c (ref.func $caught-outside)) (local.get 0)))
  (func (export "nested") (param i32) (result i32 i64) (call $run (cont.new $c (ref.func $nested)) (local.get 0)))
)
(assert_return (invoke "two-loops" (i32.const 6)) (i32.const 4) (i64.const 302003))
(assert_return (invoke "to-outer" (i32.const 5)) (i32.const 12) (i64.const 1003005))
(assert_return (invoke "operands" (i32.const 1)) (i32.const 99) (i64.const 1))
(assert_return (invoke "operands" (i32.const 2)) (i32.const 21) (i64.const -1980))
(assert_return (invoke "operands" (i32.const 9)) (i32.const 1016) (i64.const 3))
(assert_return (invoke "caught-inside" (i32.const 2)) (i32.const 112) (i64.const 2050060))
(assert_return (invoke "caught-outside" (i32.const 2)) (i32.const 152) (i64.const 2070080))
(assert_return (invoke "nested" (i32.const 3)) (i32.const 9) (i64.const 3002001))
