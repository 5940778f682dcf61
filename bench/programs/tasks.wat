(module
  (import "env" "yield" (func $yield))
  (import "env" "answer" (func $answer (param i32) (result i32)))
  (import "env" "send" (func $send (param i32 i32)))
  (import "env" "receive" (func $receive (param i32) (result i32)))
  (memory (export "memory") 1)
  (global (export "sp") (mut i32) (i32.const 65536))
  (global $count (export "count") (mut i64) (i64.const 0))

  (func $counted
    (global.set $count (i64.add (global.get $count) (i64.const 1))))

  (func (export "one") (result i32) (i32.const 1))

  ;; Gives way n times.
  (func (export "yields") (param $n i32) (result i32) (local $i i32)
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
        (call $counted)
        (call $yield)
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $i))

  ;; The same at a yield point, where every slice is one poll.
  (func (export "spins") (param $n i32) (result i32) (local $i i32)
    (loop $next
      (global.set $count (i64.add (global.get $count) (i64.const 1)))
      (br_if $next
        (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $i))

  ;; The sum of n answers.
  (func (export "asks") (param $n i32) (result i64) (local $i i32) (local $sum i64)
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
        (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call $answer (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $sum))

  ;; Sends n values through channel 0; each comes back through channel 1.
  (func (export "ping") (param $n i32) (result i64) (local $i i32) (local $sum i64)
    (block $end
      (loop $next
        (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
        (call $send (i32.const 0) (local.get $i))
        (local.set $sum (i64.add (local.get $sum) (i64.extend_i32_u (call $receive (i32.const 1)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $sum))

  (func (export "pong") (param $n i32) (result i64)
    (block $end
      (loop $next
        (br_if $end (i32.eqz (local.get $n)))
        (call $send (i32.const 1) (call $receive (i32.const 0)))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $next)))
    (i64.const 0)))
