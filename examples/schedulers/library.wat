;; A scheduler as a library: modules import it, and their continuations run in it. The ready queue is a ring that grows.
(module
  (type $body (func))
  (type $task (cont $body))
  (type $ring (array (mut (ref null $task))))

  ;; A task suspends with it to let others run.
  (tag $yield (export "yield"))

  (global $ring (mut (ref $ring)) (array.new_default $ring (i32.const 4)))
  (global $first (mut i32) (i32.const 0))
  (global $size (mut i32) (i32.const 0))

  (func $at (param $index i32) (result i32)
    (i32.rem_u (i32.add (global.get $first) (local.get $index)) (array.len (global.get $ring))))

  (func $grow
    (local $larger (ref null $ring)) (local $index i32)
    (local.set $larger (array.new_default $ring (i32.mul (i32.const 2) (array.len (global.get $ring)))))
    (loop $copy
      (array.set $ring (local.get $larger) (local.get $index)
        (array.get $ring (global.get $ring) (call $at (local.get $index))))
      (local.set $index (i32.add (local.get $index) (i32.const 1)))
      (br_if $copy (i32.lt_u (local.get $index) (global.get $size))))
    (global.set $ring (ref.as_non_null (local.get $larger)))
    (global.set $first (i32.const 0)))

  ;; Queues a task, which need not be new.
  (func $spawn (export "spawn") (param $task (ref null $task))
    (if (i32.eq (global.get $size) (array.len (global.get $ring))) (then (call $grow)))
    (array.set $ring (global.get $ring) (call $at (global.get $size)) (local.get $task))
    (global.set $size (i32.add (global.get $size) (i32.const 1))))

  (func $next (result (ref null $task))
    (array.get $ring (global.get $ring) (global.get $first))
    (array.set $ring (global.get $ring) (global.get $first) (ref.null $task))
    (global.set $first (call $at (i32.const 1)))
    (global.set $size (i32.sub (global.get $size) (i32.const 1))))

  ;; Runs tasks until none is left. Returns how often it has switched.
  (func (export "run") (result i32)
    (local $switches i32) (local $task (ref null $task))
    (loop $again
      (if (i32.eqz (global.get $size)) (then (return (local.get $switches))))
      (local.set $switches (i32.add (local.get $switches) (i32.const 1)))
      (block $yielded (result (ref $task))
        (resume $task (on $yield $yielded) (call $next))
        (br $again))
      (local.set $task)
      (call $spawn (local.get $task))
      (br $again))
    (unreachable)))
