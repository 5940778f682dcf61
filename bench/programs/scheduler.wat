;; A round-robin scheduler: a table of tasks, each of which yields n times and adds its number to the total each time.
(module
  (type $body (func (param i32)))
  (type $cont (cont $body))
  (type $rest (func))
  (type $task (cont $rest))
  (tag $yield)
  (table $tasks 0 (ref null $task))
  (global $n (mut i32) (i32.const 0))
  (global $total (mut i64) (i64.const 0))
  (elem declare func $work)
  (func $work (param $id i32)
    (local $left i32)
    (local.set $left (global.get $n))
    (loop $again
      (suspend $yield)
      (global.set $total (i64.add (global.get $total) (i64.extend_i32_u (local.get $id))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br_if $again (local.get $left))))
  ;; Runs one turn of a task; whether it is still alive.
  (func $turn (param $at i32) (result i32)
    (block $yielded (result (ref $task))
      (resume $task (on $yield $yielded) (table.get $tasks (local.get $at)))
      (return (i32.const 0)))
    (call $keep (local.get $at))
    (i32.const 1))
  (func $keep (param $k (ref $task)) (param $at i32)
    (table.set $tasks (local.get $at) (local.get $k)))
  (func (export "run") (param $n i32) (param $tasks i32) (result i64)
    (local $at i32)
    (local $alive i32)
    (if (i32.lt_u (table.size $tasks) (local.get $tasks))
      (then (drop (table.grow $tasks (ref.null $task) (i32.sub (local.get $tasks) (table.size $tasks))))))
    (global.set $n (local.get $n))
    (global.set $total (i64.const 0))
    (loop $create
      (table.set $tasks (local.get $at)
        (cont.bind $cont $task (local.get $at) (cont.new $cont (ref.func $work))))
      (br_if $create
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $tasks))))
    (loop $round
      (local.set $at (i32.const 0))
      (local.set $alive (i32.const 0))
      (loop $each
        (local.set $alive (i32.or (local.get $alive) (call $turn (local.get $at))))
        (br_if $each
          (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $tasks))))
      (br_if $round (local.get $alive)))
    (global.get $total)))
