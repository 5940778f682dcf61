;; Continuations that all live at once, each suspended inside two calls with its number live in both.
(module
  (type $body (func (param i32)))
  (type $cont (cont $body))
  (type $rest (func))
  (type $suspended (cont $rest))
  (tag $yield)
  (table $all 0 (ref null $suspended))
  (global $total (mut i64) (i64.const 0))
  (elem declare func $outer)
  (func $outer (param $id i32)
    (call $inner (i64.extend_i32_u (local.get $id)))
    (global.set $total (i64.add (global.get $total) (i64.extend_i32_u (local.get $id)))))
  (func $inner (param $value i64)
    (suspend $yield)
    (global.set $total (i64.add (global.get $total) (local.get $value))))
  (func $keep (param $k (ref $suspended)) (param $at i32)
    (table.set $all (local.get $at) (local.get $k)))
  (func $start (param $at i32)
    (block $yielded (result (ref $suspended))
      (resume $cont (on $yield $yielded) (local.get $at) (cont.new $cont (ref.func $outer)))
      (unreachable))
    (call $keep (local.get $at)))
  ;; Room for this many, made before memory is measured.
  (func (export "reserve") (param $count i32)
    (drop (table.grow $all (ref.null $suspended) (local.get $count))))
  ;; Creates and suspends those from $at up to, but not including, $end.
  (func (export "create") (param $at i32) (param $end i32)
    (loop $next
      (call $start (local.get $at))
      (br_if $next
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $end)))))
  ;; Finishes the first $count; twice the sum of their numbers.
  (func (export "finish") (param $count i32) (result i64)
    (local $at i32)
    (loop $next
      (resume $suspended (table.get $all (local.get $at)))
      (table.set $all (local.get $at) (ref.null $suspended))
      (br_if $next
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $count))))
    (global.get $total)))
