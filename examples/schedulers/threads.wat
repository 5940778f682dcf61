;; Lightweight threads: `fork` starts one, `yield` lets another go on. The scheduler that handles both is this module's own, and
;; has five strategies. Its queue belongs to the call, so that any number of tasks can run one.
(module
  (import "host" "log" (func $log (param i32)))

  (type $body (func))
  (type $thread (cont $body))
  (tag $yield)
  (tag $fork (param (ref $thread)))

  (rec (type $node (struct (field $thread (ref $thread)) (field $next (mut (ref null $node))))))
  (type $queue (struct (field $first (mut (ref null $node))) (field $last (mut (ref null $node)))))

  (func $put (param $queue (ref $queue)) (param $thread (ref $thread))
    (local $node (ref null $node))
    (local.set $node (struct.new $node (local.get $thread) (ref.null $node)))
    (if (ref.is_null (struct.get $queue $first (local.get $queue)))
      (then (struct.set $queue $first (local.get $queue) (local.get $node)))
      (else (struct.set $node $next (struct.get $queue $last (local.get $queue)) (local.get $node))))
    (struct.set $queue $last (local.get $queue) (local.get $node)))

  (func $take (param $queue (ref $queue)) (result (ref null $thread))
    (local $node (ref null $node))
    (local.set $node (struct.get $queue $first (local.get $queue)))
    (if (ref.is_null (local.get $node)) (then (return (ref.null $thread))))
    (struct.set $queue $first (local.get $queue) (struct.get $node $next (local.get $node)))
    (struct.get $node $thread (local.get $node)))

  ;; 0: who yields goes on, too. 1: who forks goes on. 2: the new thread does. 3, 4: neither, both are queued, in either order.
  (func $schedule (param $strategy i32) (param $running (ref null $thread))
    (local $queue (ref $queue)) (local $forked (ref null $thread))
    (local.set $queue (struct.new_default $queue))
    (loop $next
      (if (ref.is_null (local.get $running)) (then (return)))
      (block $yielded (result (ref $thread))
        (block $forked (result (ref $thread) (ref $thread))
          (resume $thread (on $yield $yielded) (on $fork $forked) (local.get $running))
          (local.set $running (call $take (local.get $queue)))
          (br $next))
        (local.set $running)
        (local.set $forked)
        (block $both
          (block $new
            (block $old
              (br_table $old $old $new $both $both (local.get $strategy)))
            (call $put (local.get $queue) (ref.as_non_null (local.get $forked)))
            (br $next))
          (call $put (local.get $queue) (ref.as_non_null (local.get $running)))
          (local.set $running (local.get $forked))
          (br $next))
        (if (i32.eq (local.get $strategy) (i32.const 3))
          (then
            (call $put (local.get $queue) (ref.as_non_null (local.get $running)))
            (call $put (local.get $queue) (ref.as_non_null (local.get $forked))))
          (else
            (call $put (local.get $queue) (ref.as_non_null (local.get $forked)))
            (call $put (local.get $queue) (ref.as_non_null (local.get $running)))))
        (local.set $running (call $take (local.get $queue)))
        (br $next))
      (local.set $running)
      (if (local.get $strategy)
        (then
          (call $put (local.get $queue) (ref.as_non_null (local.get $running)))
          (local.set $running (call $take (local.get $queue)))))
      (br $next)))

  ;; Logs three numbers, and yields after each.
  (type $counter (func (param i32)))
  (type $counter-cont (cont $counter))
  (func $count (param $from i32)
    (local $end i32)
    (local.set $end (i32.add (local.get $from) (i32.const 2)))
    (loop $next
      (call $log (local.get $from))
      (if (i32.lt_s (local.get $from) (local.get $end))
        (then
          (suspend $yield)
          (local.set $from (i32.add (local.get $from) (i32.const 1)))
          (br $next)))))

  (func $main
    (local $n i32)
    (loop $next
      (call $log (local.get $n))
      (if (i32.lt_s (local.get $n) (i32.const 3))
        (then
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (suspend $fork
            (cont.bind $counter-cont $thread
              (i32.mul (local.get $n) (i32.const 10))
              (cont.new $counter-cont (ref.func $count))))
          (br $next)))))

  (func (export "run")
    (local $strategy i32)
    (loop $next
      (call $log (i32.sub (i32.const -1) (local.get $strategy)))
      (call $schedule (local.get $strategy) (cont.new $thread (ref.func $main)))
      (local.set $strategy (i32.add (local.get $strategy) (i32.const 1)))
      (br_if $next (i32.lt_s (local.get $strategy) (i32.const 5))))
    (call $log (i32.const -6)))

  (elem declare func $main $count))
