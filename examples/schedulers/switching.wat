;; The same tasks without the way through the scheduler: each takes the next one off the queue and switches to it. Who is switched
;; to gets who was running, and queues it.
(module
  (import "host" "log" (func $log (param i32)))

  (rec
    (type $body (func (param (ref null $task))))
    (type $task (cont $body)))
  (tag $turn)

  (rec (type $node (struct (field $task (ref null $task)) (field $next (mut (ref null $node))))))
  (type $queue (struct (field $first (mut (ref null $node))) (field $last (mut (ref null $node)))))
  (type $start (func (param i32 (ref $queue) (ref null $task))))
  (type $start-cont (cont $start))

  (func $put (param $queue (ref $queue)) (param $task (ref null $task))
    (local $node (ref null $node))
    (if (ref.is_null (local.get $task)) (then (return)))
    (local.set $node (struct.new $node (local.get $task) (ref.null $node)))
    (if (ref.is_null (struct.get $queue $first (local.get $queue)))
      (then (struct.set $queue $first (local.get $queue) (local.get $node)))
      (else (struct.set $node $next (struct.get $queue $last (local.get $queue)) (local.get $node))))
    (struct.set $queue $last (local.get $queue) (local.get $node)))

  (func $take (param $queue (ref $queue)) (result (ref null $task))
    (local $node (ref null $node))
    (local.set $node (struct.get $queue $first (local.get $queue)))
    (if (ref.is_null (local.get $node)) (then (return (ref.null $task))))
    (struct.set $queue $first (local.get $queue) (struct.get $node $next (local.get $node)))
    (struct.get $node $task (local.get $node)))

  (func $start (param $id i32) (param $queue (ref $queue))
    (call $put (local.get $queue)
      (cont.bind $start-cont $task (local.get $id) (local.get $queue) (cont.new $start-cont (ref.func $run-task)))))

  (func $yield (param $queue (ref $queue))
    (local $next (ref null $task))
    (local.set $next (call $take (local.get $queue)))
    (if (ref.is_null (local.get $next)) (then (return)))
    (local.set $next (switch $task $turn (local.get $next)))
    (call $put (local.get $queue) (local.get $next)))

  (func $run-task (param $id i32) (param $queue (ref $queue)) (param $previous (ref null $task))
    (call $put (local.get $queue) (local.get $previous))
    (if (i32.lt_s (local.get $id) (i32.const 3))
      (then (call $start (i32.add (local.get $id) (i32.const 1)) (local.get $queue))))
    (call $log (local.get $id))
    (call $yield (local.get $queue))
    (call $log (local.get $id)))

  (func (export "run")
    (local $queue (ref $queue)) (local $task (ref null $task))
    (local.set $queue (struct.new_default $queue))
    (call $start (i32.const 0) (local.get $queue))
    (loop $next
      (local.set $task (call $take (local.get $queue)))
      (if (ref.is_null (local.get $task)) (then (return)))
      (resume $task (on $turn switch) (ref.null $task) (local.get $task))
      (br $next)))

  (elem declare func $run-task))
