;; A program whose tasks run in the scheduler of library.wat: workers look whether numbers are prime, taking turns, and ask the host
;; for the numbers. The host's answer may take its time.
(module
  (type $body (func))
  (type $task (cont $body))
  (type $worker (func (param i32)))
  (type $worker-cont (cont $worker))

  (import "scheduler" "yield" (tag $yield))
  (import "scheduler" "spawn" (func $spawn (param (ref null $task))))
  (import "scheduler" "run" (func $run (result i32)))
  ;; 0: there are no more.
  (import "host" "number" (func $number (param $worker i32) (result i32)))
  (import "host" "prime" (func $prime (param $worker i32) (param $number i32)))

  (func $is-prime (param $n i32) (result i32)
    (local $divisor i32)
    (local.set $divisor (i32.const 2))
    (loop $next
      (if (i32.gt_u (i32.mul (local.get $divisor) (local.get $divisor)) (local.get $n))
        (then (return (i32.gt_u (local.get $n) (i32.const 1)))))
      (if (i32.eqz (i32.rem_u (local.get $n) (local.get $divisor))) (then (return (i32.const 0))))
      (local.set $divisor (i32.add (local.get $divisor) (i32.const 1)))
      (suspend $yield)
      (br $next))
    (unreachable))

  (func $work (param $worker i32)
    (local $number i32)
    (loop $next
      (local.set $number (call $number (local.get $worker)))
      (if (i32.eqz (local.get $number)) (then (return)))
      (if (call $is-prime (local.get $number))
        (then (call $prime (local.get $worker) (local.get $number))))
      (br $next)))

  (func (export "main") (param $workers i32) (result i32)
    (loop $next
      (call $spawn
        (cont.bind $worker-cont $task (local.get $workers) (cont.new $worker-cont (ref.func $work))))
      (br_if $next (local.tee $workers (i32.sub (local.get $workers) (i32.const 1)))))
    (call $run))

  (elem declare func $work))
