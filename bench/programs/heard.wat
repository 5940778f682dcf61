;; A program that spins, and whose handler of SIGUSR1 writes a byte to standard output; it writes one as it begins.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "bobbin:signal" "sigaction" (func $sigaction (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (table (export "table") 3 funcref)
  (elem (i32.const 2) func $handler)
  (type $handler (func (param i32)))
  ;; The handler's index, SA_RESTART, an empty mask; and one buffer of one byte.
  (data (i32.const 16) "\02\00\00\00\00\00\00\10")
  (data (i32.const 40) "\30\00\00\00\01\00\00\00!")
  (func $handler (type $handler)
    (if (call $fd_write (i32.const 1) (i32.const 40) (i32.const 1) (i32.const 56)) (then unreachable)))
  (func (export "__bobbin_signal") (param $handler i32) (param $signo i32) (param i32 i32 i32)
    (call_indirect (type $handler) (local.get $signo) (local.get $handler)))
  (func (export "_start") (local $n i32)
    (if (call $sigaction (i32.const 10) (i32.const 16) (i32.const 0)) (then unreachable))
    (call $handler (i32.const 0))
    (loop $forever
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $forever))))
