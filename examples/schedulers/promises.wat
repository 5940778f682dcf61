;; Functions that compute asynchronously: `async` calls one and returns a promise, `await` waits for a promise, and `fulfil` gives it
;; its value. Everybody who waits goes on then.
(module
  (import "host" "log" (func $log (param i32)))

  (type $body (func))
  (type $job (cont $body))
  (type $with-value (func (param i32)))
  (type $awaiting (cont $with-value))
  (rec (type $observer (struct (field $awaiting (ref $awaiting)) (field $next (ref null $observer)))))
  (type $promise (struct
    (field $fulfilled (mut i32)) (field $value (mut i32)) (field $observers (mut (ref null $observer)))))
  (type $with-promise (func (param (ref $promise))))
  (type $promising (cont $with-promise))

  (tag $yield)
  (tag $fulfil (param (ref $promise) i32))
  (tag $async (param (ref $promising)) (result (ref $promise)))
  (tag $await (param (ref $promise)) (result i32))

  (rec (type $node (struct (field $job (ref $job)) (field $next (mut (ref null $node))))))
  (type $queue (struct (field $first (mut (ref null $node))) (field $last (mut (ref null $node)))))

  (func $put (param $queue (ref $queue)) (param $job (ref $job))
    (local $node (ref null $node))
    (local.set $node (struct.new $node (local.get $job) (ref.null $node)))
    (if (ref.is_null (struct.get $queue $first (local.get $queue)))
      (then (struct.set $queue $first (local.get $queue) (local.get $node)))
      (else (struct.set $node $next (struct.get $queue $last (local.get $queue)) (local.get $node))))
    (struct.set $queue $last (local.get $queue) (local.get $node)))

  (func $take (param $queue (ref $queue)) (result (ref null $job))
    (local $node (ref null $node))
    (local.set $node (struct.get $queue $first (local.get $queue)))
    (if (ref.is_null (local.get $node)) (then (return (ref.null $job))))
    (struct.set $queue $first (local.get $queue) (struct.get $node $next (local.get $node)))
    (struct.get $node $job (local.get $node)))

  (func $schedule (param $job (ref null $job))
    (local $queue (ref $queue)) (local $promise (ref null $promise)) (local $value i32)
    (local $called (ref null $promising)) (local $caller (ref null $promising))
    (local $awaiting (ref null $awaiting)) (local $observer (ref null $observer))
    (local.set $queue (struct.new_default $queue))
    (loop $next
      (if (ref.is_null (local.get $job)) (then (return)))
      (block $on-yield (result (ref $job))
        (block $on-fulfil (result (ref $promise) i32 (ref $job))
          (block $on-async (result (ref $promising) (ref $promising))
            (block $on-await (result (ref $promise) (ref $awaiting))
              (resume $job (on $yield $on-yield) (on $fulfil $on-fulfil) (on $async $on-async) (on $await $on-await)
                (local.get $job))
              (local.set $job (call $take (local.get $queue)))
              (br $next))
            (local.set $awaiting)
            (local.set $promise)
            (if (struct.get $promise $fulfilled (local.get $promise))
              (then
                (local.set $job
                  (cont.bind $awaiting $job (struct.get $promise $value (local.get $promise)) (local.get $awaiting))))
              (else
                (struct.set $promise $observers (local.get $promise)
                  (struct.new $observer
                    (ref.as_non_null (local.get $awaiting)) (struct.get $promise $observers (local.get $promise))))
                (local.set $job (call $take (local.get $queue)))))
            (br $next))
          ;; The function begins at once, its caller goes on when that first yields.
          (local.set $caller)
          (local.set $called)
          (local.set $promise (struct.new_default $promise))
          (call $put (local.get $queue)
            (cont.bind $promising $job (ref.as_non_null (local.get $promise)) (local.get $caller)))
          (local.set $job (cont.bind $promising $job (ref.as_non_null (local.get $promise)) (local.get $called)))
          (br $next))
        (local.set $job)
        (local.set $value)
        (local.set $promise)
        (struct.set $promise $fulfilled (local.get $promise) (i32.const 1))
        (struct.set $promise $value (local.get $promise) (local.get $value))
        (local.set $observer (struct.get $promise $observers (local.get $promise)))
        (block $woken
          (loop $wake
            (br_if $woken (ref.is_null (local.get $observer)))
            (call $put (local.get $queue)
              (cont.bind $awaiting $job (local.get $value) (struct.get $observer $awaiting (local.get $observer))))
            (local.set $observer (struct.get $observer $next (local.get $observer)))
            (br $wake)))
        (struct.set $promise $observers (local.get $promise) (ref.null $observer))
        (br $next))
      (local.set $job)
      (call $put (local.get $queue) (ref.as_non_null (local.get $job)))
      (local.set $job (call $take (local.get $queue)))
      (br $next)))

  ;; from + … + to, one number at a time.
  (type $sum (func (param i32 i32 (ref $promise))))
  (type $sum-cont (cont $sum))
  (func $sum (param $from i32) (param $to i32) (param $promise (ref $promise))
    (local $total i32)
    (loop $next
      (call $log (local.get $from))
      (local.set $total (i32.add (local.get $total) (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (if (i32.le_s (local.get $from) (local.get $to))
        (then (suspend $yield) (br $next))))
    (suspend $fulfil (local.get $promise) (local.get $total)))

  (func $start (param $from i32) (param $to i32) (result (ref $promise))
    (suspend $async
      (cont.bind $sum-cont $promising (local.get $from) (local.get $to) (cont.new $sum-cont (ref.func $sum)))))

  (func $main
    (local $a (ref null $promise)) (local $b (ref null $promise)) (local $c (ref null $promise))
    (local $product i32) (local $result i32)
    (call $log (i32.const -1))
    (local.set $a (call $start (i32.const 1) (i32.const 3)))
    (call $log (i32.const -2))
    (local.set $b (call $start (i32.const 5) (i32.const 7)))
    (call $log (i32.const -3))
    (local.set $c (call $start (i32.const 10) (i32.const 15)))
    (call $log (i32.const -4))
    (local.set $product
      (i32.mul
        (suspend $await (ref.as_non_null (local.get $a)))
        (suspend $await (ref.as_non_null (local.get $b)))))
    (call $log (i32.const -5))
    (local.set $result (i32.add (suspend $await (ref.as_non_null (local.get $c))) (local.get $product)))
    (call $log (i32.const -6))
    (call $log (local.get $result))
    (call $log (i32.const -7)))

  (func (export "run") (call $schedule (cont.new $job (ref.func $main))))

  (elem declare func $main $sum))
