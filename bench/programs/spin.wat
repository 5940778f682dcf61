;; A guest that spins, and whose handler of SIGUSR1 says at once that it runs.
(module
  (import "bobbin:signal" "sigaction" (func $sigaction (param i32 i32 i32) (result i32)))
  (import "host" "handled" (func $handled))
  (memory (export "memory") 1)
  (table (export "table") 3 funcref)
  (elem (i32.const 2) func $handler)
  (type $handler (func (param i32)))
  (func $handler (type $handler) (call $handled))
  (func (export "__bobbin_signal") (param $handler i32) (param $signo i32) (param i32 i32 i32)
    (call_indirect (type $handler) (local.get $signo) (local.get $handler)))
  (func (export "_start") (local $n i32)
    ;; struct sigaction: the handler's index, no flags, an empty mask
    (i32.store (i32.const 16) (i32.const 2))
    (if (call $sigaction (i32.const 10) (i32.const 16) (i32.const 0)) (then unreachable))
    (loop $forever
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $forever))))
