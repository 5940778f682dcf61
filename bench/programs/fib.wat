;; Nothing but calls that may suspend and do not: what a program pays where it does not switch.
(module
  (type $body (func (param i32) (result i64)))
  (type $cont (cont $body))
  (tag $yield)
  (elem declare func $fib)
  (func $fib (param $n i32) (result i64)
    (if (i32.lt_s (local.get $n) (i32.const 0)) (then (suspend $yield)))
    (if (i32.lt_u (local.get $n) (i32.const 2)) (then (return (i64.extend_i32_u (local.get $n)))))
    (i64.add
      (call $fib (i32.sub (local.get $n) (i32.const 1)))
      (call $fib (i32.sub (local.get $n) (i32.const 2)))))
  (func (export "run") (param $n i32) (param $unused i32) (result i64)
    (resume $cont (local.get $n) (cont.new $cont (ref.func $fib)))))
