;; A guest written by hand with signals of its own (docs/signals.md): bobbin run examples/signals.wat
;; It counts primes. SIGUSR1: says how far it is. SIGINT: stops tidily, with exit status 0 all the same.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "bobbin:signal" "sigaction" (func $sigaction (param $signo i32) (param $new i32) (param $old i32) (result i32)))

  (memory (export "memory") 1)
  (table (export "table") 4 funcref)
  ;; 0 is the default action and 1 ignores the signal: the first handler is 2.
  (elem (i32.const 2) $report $stop)

  (global $candidate (mut i32) (i32.const 2))
  (global $count (mut i32) (i32.const 0))
  (global $digest (mut i32) (i32.const 0))
  (global $stopped (mut i32) (i32.const 0))
  ;; A handler may come while the program itself prints: each has its own memory for that.
  (global $of-program i32 (i32.const 64))
  (global $of-handler i32 (i32.const 128))

  ;; The host calls handlers through this. Those with SA_SIGINFO (flag 4) take three parameters.
  (func (export "__bobbin_signal")
    (param $handler i32) (param $signo i32) (param $info i32) (param $context i32) (param $flags i32)
    (call_indirect (param i32) (local.get $signo) (local.get $handler)))

  (func $report (param $signo i32)
    (call $print (global.get $of-handler) (i32.const 0x70) (global.get $candidate)))
  (func $stop (param $signo i32)
    (global.set $stopped (i32.const 1)))

  ;; struct sigaction at address 16: handler, flags (SA_RESTART), mask.
  (func $handle (param $signo i32) (param $handler i32)
    (i32.store offset=16 (i32.const 0) (local.get $handler))
    (i32.store offset=20 (i32.const 0) (i32.const 0x10000000))
    (i64.store offset=24 (i32.const 0) (i64.const 0))
    (if (call $sigaction (local.get $signo) (i32.const 16) (i32.const 0)) (then unreachable)))

  ;; Prints a letter, a number and the end of the line, in 64 bytes at `buffer`.
  (func $print (param $buffer i32) (param $letter i32) (param $value i32) (local $at i32)
    (local.set $at (i32.add (local.get $buffer) (i32.const 63)))
    (i32.store8 (local.get $at) (i32.const 0x0a))
    (loop $digits
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at) (i32.add (i32.const 0x30) (i32.rem_u (local.get $value) (i32.const 10))))
      (br_if $digits (local.tee $value (i32.div_u (local.get $value) (i32.const 10)))))
    (local.set $at (i32.sub (local.get $at) (i32.const 2)))
    (i32.store8 (local.get $at) (local.get $letter))
    (i32.store8 offset=1 (local.get $at) (i32.const 0x20))
    (i32.store (local.get $buffer) (local.get $at))
    (i32.store offset=4 (local.get $buffer)
      (i32.sub (i32.add (local.get $buffer) (i32.const 64)) (local.get $at)))
    (drop (call $fd_write (i32.const 1) (local.get $buffer) (i32.const 1)
      (i32.add (local.get $buffer) (i32.const 8)))))

  (func $is-prime (param $value i32) (result i32) (local $divisor i32)
    (local.set $divisor (i32.const 2))
    (loop $next
      (if (i32.gt_u (i32.mul (local.get $divisor) (local.get $divisor)) (local.get $value))
        (then (return (i32.const 1))))
      (if (i32.eqz (i32.rem_u (local.get $value) (local.get $divisor)))
        (then (return (i32.const 0))))
      (local.set $divisor (i32.add (local.get $divisor) (i32.const 1)))
      (br $next))
    (unreachable))

  (func (export "_start")
    (call $handle (i32.const 10) (i32.const 2))
    (call $handle (i32.const 2) (i32.const 3))
    (loop $next
      (if (call $is-prime (global.get $candidate))
        (then
          (global.set $count (i32.add (global.get $count) (i32.const 1)))
          (global.set $digest
            (i32.add (i32.mul (global.get $digest) (i32.const 31)) (global.get $candidate)))))
      (global.set $candidate (i32.add (global.get $candidate) (i32.const 1)))
      (br_if $next
        (i32.and (i32.lt_u (global.get $candidate) (i32.const 30000)) (i32.eqz (global.get $stopped)))))
    (call $print (global.get $of-program)
      (select (i32.const 0x73) (i32.const 0x63) (global.get $stopped)) (global.get $count))
    (call $print (global.get $of-program) (i32.const 0x64) (global.get $digest))))
