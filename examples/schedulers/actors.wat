;; Actors: each has a mailbox, and waits in `receive` until there is something in it. What they do is suspend with a request,
;; which the scheduler below answers.
(module
  (import "host" "log" (func $log (param i32)))

  (type $body (func))
  (type $actor-cont (cont $body))
  (type $with-message (func (param i32)))
  (type $receiving (cont $with-message))
  (rec
    (type $actor (struct
      (field $first (mut (ref null $letter)))
      (field $last (mut (ref null $letter)))
      ;; What goes on with the next message; null: it does not wait for one.
      (field $receiving (mut (ref null $receiving)))))
    (type $letter (struct (field $message i32) (field $next (mut (ref null $letter))))))
  (type $with-actor (func (param (ref $actor))))
  (type $asking (cont $with-actor))

  (tag $self (result (ref $actor)))
  (tag $spawn (param (ref $actor-cont)) (result (ref $actor)))
  (tag $send (param i32 (ref $actor)))
  (tag $receive (result i32))

  ;; The actors that can run, each with what it goes on with.
  (rec (type $ready (struct
    (field $actor (ref $actor)) (field $cont (ref $actor-cont)) (field $next (mut (ref null $ready))))))
  (type $queue (struct (field $first (mut (ref null $ready))) (field $last (mut (ref null $ready)))))

  (func $put (param $queue (ref $queue)) (param $actor (ref $actor)) (param $cont (ref $actor-cont))
    (local $ready (ref null $ready))
    (local.set $ready (struct.new $ready (local.get $actor) (local.get $cont) (ref.null $ready)))
    (if (ref.is_null (struct.get $queue $first (local.get $queue)))
      (then (struct.set $queue $first (local.get $queue) (local.get $ready)))
      (else (struct.set $ready $next (struct.get $queue $last (local.get $queue)) (local.get $ready))))
    (struct.set $queue $last (local.get $queue) (local.get $ready)))

  (func $post (param $actor (ref $actor)) (param $message i32)
    (local $letter (ref null $letter))
    (local.set $letter (struct.new $letter (local.get $message) (ref.null $letter)))
    (if (ref.is_null (struct.get $actor $first (local.get $actor)))
      (then (struct.set $actor $first (local.get $actor) (local.get $letter)))
      (else (struct.set $letter $next (struct.get $actor $last (local.get $actor)) (local.get $letter))))
    (struct.set $actor $last (local.get $actor) (local.get $letter)))

  ;; Runs a first actor, and all that it spawns, until none can run.
  (func $schedule (param $main (ref $actor-cont))
    (local $queue (ref $queue)) (local $ready (ref null $ready))
    (local $actor (ref null $actor)) (local $cont (ref null $actor-cont))
    (local $other (ref null $actor)) (local $message i32)
    (local $asking (ref null $asking)) (local $receiving (ref null $receiving))
    (local.set $queue (struct.new_default $queue))
    (call $put (local.get $queue) (struct.new_default $actor) (local.get $main))
    (loop $take
      (local.set $ready (struct.get $queue $first (local.get $queue)))
      (if (ref.is_null (local.get $ready)) (then (return)))
      (struct.set $queue $first (local.get $queue) (struct.get $ready $next (local.get $ready)))
      (local.set $actor (struct.get $ready $actor (local.get $ready)))
      (local.set $cont (struct.get $ready $cont (local.get $ready)))
      (loop $again
        (block $on-receive (result (ref $receiving))
          (block $on-send (result i32 (ref $actor) (ref $actor-cont))
            (block $on-spawn (result (ref $actor-cont) (ref $asking))
              (block $on-self (result (ref $asking))
                (resume $actor-cont (on $self $on-self) (on $spawn $on-spawn) (on $send $on-send) (on $receive $on-receive)
                  (local.get $cont))
                (br $take))
              (local.set $asking)
              (local.set $cont (cont.bind $asking $actor-cont (ref.as_non_null (local.get $actor)) (local.get $asking)))
              (br $again))
            (local.set $asking)
            (local.set $cont)
            (local.set $other (struct.new_default $actor))
            (call $put (local.get $queue) (ref.as_non_null (local.get $other)) (ref.as_non_null (local.get $cont)))
            (local.set $cont (cont.bind $asking $actor-cont (ref.as_non_null (local.get $other)) (local.get $asking)))
            (br $again))
          (local.set $cont)
          (local.set $other)
          (local.set $message)
          (local.set $receiving (struct.get $actor $receiving (local.get $other)))
          (if (ref.is_null (local.get $receiving))
            (then (call $post (ref.as_non_null (local.get $other)) (local.get $message)))
            (else
              (struct.set $actor $receiving (local.get $other) (ref.null $receiving))
              (call $put (local.get $queue) (ref.as_non_null (local.get $other))
                (cont.bind $receiving $actor-cont (local.get $message) (local.get $receiving)))))
          (br $again))
        (local.set $receiving)
        (if (ref.is_null (struct.get $actor $first (local.get $actor)))
          (then (struct.set $actor $receiving (local.get $actor) (local.get $receiving)))
          (else
            (local.set $message (struct.get $letter $message (struct.get $actor $first (local.get $actor))))
            (struct.set $actor $first (local.get $actor)
              (struct.get $letter $next (struct.get $actor $first (local.get $actor))))
            (local.set $cont (cont.bind $receiving $actor-cont (local.get $message) (local.get $receiving)))
            (br $again)))
        (br $take))))

  ;; Sends on what it receives.
  (func $link (param $next (ref $actor))
    (local $message i32)
    (local.set $message (suspend $receive))
    (call $log (i32.const -1))
    (suspend $send (local.get $message) (local.get $next)))

  ;; A message goes through as many actors and comes back to the first.
  (type $chain (func (param i32)))
  (type $chain-cont (cont $chain))
  (func $chain (param $links i32)
    (local $next (ref null $actor))
    (local.set $next (suspend $self))
    (block $made
      (loop $more
        (br_if $made (i32.eqz (local.get $links)))
        (local.set $next
          (suspend $spawn
            (cont.bind $asking $actor-cont (ref.as_non_null (local.get $next)) (cont.new $asking (ref.func $link)))))
        (local.set $links (i32.sub (local.get $links) (i32.const 1)))
        (br $more)))
    (suspend $send (i32.const 42) (ref.as_non_null (local.get $next)))
    (call $log (suspend $receive)))

  (func (export "run")
    (call $schedule (cont.bind $chain-cont $actor-cont (i32.const 64) (cont.new $chain-cont (ref.func $chain)))))

  (elem declare func $link $chain))
