;; Tasks that start each other and take turns: each suspends to the scheduler, which queues it.
(module
  (import "host" "log" (func $log (param i32)))

  (type $body (func))
  (type $task (cont $body))
  (tag $turn)

  (rec (type $node (struct (field $task (ref $task)) (field $next (mut (ref null $node))))))
  (type $queue (struct (field $first (mut (ref null $node))) (field $last (mut (ref null $node)))))
  (type $start (func (param i32 (ref $queue))))
  (type $start-cont (cont $start))

  (func $put (param $queue (ref $queue)) (param $task (ref $task))
    (local $node (ref null $node))
    (local.set $node (struct.new $node (local.get $task) (ref.null $node)))
    (if (ref.is_null (struct.get $queue $first (local.get $queue)))
      (then (struct.set $queue $first (local.get $queue) (local.get $node)))
      (else (struct.set $node $next (struct.get $queue $last (local.get $queue)) (local.get $node))))
    (struct.set $queue $last (local.get $queue) (local.get $node)))

  (func $start (param $id i32) (param $queue (ref $queue))
    (call $put (local.get $queue)
      (cont.bind $start-cont $task (local.get $id) (local.get $queue) (cont.new $start-cont (ref.func $run-task)))))

  (func $run-task (param $id i32) (param $queue (ref $queue))
    (if (i32.lt_s (local.get $id) (i32.const 3))
      (then (call $start (i32.add (local.get $id) (i32.const 1)) (local.get $queue))))
    (call $log (local.get $id))
    (suspend $turn)
    (call $log (local.get $id)))

  (func (export "run")
    (local $queue (ref $queue)) (local $node (ref null $node)) (local $task (ref null $task))
    (local.set $queue (struct.new_default $queue))
    (call $start (i32.const 0) (local.get $queue))
    (loop $next
      (local.set $node (struct.get $queue $first (local.get $queue)))
      (if (ref.is_null (local.get $node)) (then (return)))
      (struct.set $queue $first (local.get $queue) (struct.get $node $next (local.get $node)))
      (block $suspended (result (ref $task))
        (resume $task (on $turn $suspended) (struct.get $node $task (local.get $node)))
        (br $next))
      (local.set $task)
      (call $put (local.get $queue) (ref.as_non_null (local.get $task)))
      (br $next)))

  (elem declare func $run-task))
