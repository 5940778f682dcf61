;; Atomic instructions between suspensions: each is run in a continuation that suspends before every operand it is
;; given and after the instruction.

(module
  (type $op (func (param i32 i64) (result i64)))
  (type $ct (cont $op))
  (type $rest (func (param i64) (result i64)))
  (type $ct-rest (cont $rest))
  (tag $pause (param i64) (result i64))
  (memory 1 1 shared)
  (data (i32.const 0) "\00\11\22\33\44\55\66\77\88\99\aa\bb\cc\dd\ee\ff")

  (func $i64 (param i64) (result i64) (suspend $pause (local.get 0)))
  (func $i32 (param i64) (result i32) (i32.wrap_i64 (suspend $pause (local.get 0))))
  (func $at (param i32) (result i32)
    (i32.wrap_i64 (suspend $pause (i64.extend_i32_u (local.get 0)))))

  ;; Runs an instruction at an address with an operand; every suspension is answered with what it gave.
  (func (export "run") (param $op i32) (param $at i32) (param $operand i64) (result i64)
    (local $k (ref null $ct-rest))
    (local $given i64)
    (block $first (result i64 (ref $ct-rest))
      (resume $ct (on $pause $first)
        (local.get $at) (local.get $operand) (cont.new $ct (table.get (local.get $op))))
      (return))
    (local.set $k)
    (local.set $given)
    (loop $more
      (block $again (result i64 (ref $ct-rest))
        (resume $ct-rest (on $pause $again) (local.get $given) (local.get $k))
        (return))
      (local.set $k)
      (local.set $given)
      (br $more))
    (unreachable))

  (func $f0 (type $op)
    (call $i64 (i64.extend_i32_u (i32.atomic.load (call $at (local.get 0))))))
  (func $f1 (type $op)
    (call $i64 (i64.extend_i32_u (i32.atomic.load8_u (call $at (local.get 0))))))
  (func $f2 (type $op)
    (call $i64 (i64.extend_i32_u (i32.atomic.load16_u (call $at (local.get 0))))))
  (func $f3 (type $op)
    (i32.atomic.store (call $at (local.get 0)) (call $i32 (local.get 1))) (call $i64 (i64.const 0)))
  (func $f4 (type $op)
    (i32.atomic.store8 (call $at (local.get 0)) (call $i32 (local.get 1))) (call $i64 (i64.const 0)))
  (func $f5 (type $op)
    (i32.atomic.store16 (call $at (local.get 0)) (call $i32 (local.get 1))) (call $i64 (i64.const 0)))
  (func $f6 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw.add (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f7 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw8.add_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f8 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw16.add_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f9 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw.sub (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f10 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw8.sub_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f11 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw16.sub_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f12 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw.and (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f13 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw8.and_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f14 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw16.and_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f15 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw.or (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f16 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw8.or_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f17 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw16.or_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f18 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw.xor (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f19 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw8.xor_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f20 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw16.xor_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f21 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw.xchg (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f22 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw8.xchg_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f23 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw16.xchg_u (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f24 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw.cmpxchg (call $at (local.get 0)) (call $i32 (local.get 1)) (call $i32 (i64.const -2))))))
  (func $f25 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw8.cmpxchg_u (call $at (local.get 0)) (call $i32 (local.get 1)) (call $i32 (i64.const -2))))))
  (func $f26 (type $op)
    (call $i64
      (i64.extend_i32_u (i32.atomic.rmw16.cmpxchg_u (call $at (local.get 0)) (call $i32 (local.get 1)) (call $i32 (i64.const -2))))))
  (func $f27 (type $op)
    (call $i64 (i64.atomic.load (call $at (local.get 0)))))
  (func $f28 (type $op)
    (call $i64 (i64.atomic.load8_u (call $at (local.get 0)))))
  (func $f29 (type $op)
    (call $i64 (i64.atomic.load16_u (call $at (local.get 0)))))
  (func $f30 (type $op)
    (call $i64 (i64.atomic.load32_u (call $at (local.get 0)))))
  (func $f31 (type $op)
    (i64.atomic.store (call $at (local.get 0)) (call $i64 (local.get 1))) (call $i64 (i64.const 0)))
  (func $f32 (type $op)
    (i64.atomic.store8 (call $at (local.get 0)) (call $i64 (local.get 1))) (call $i64 (i64.const 0)))
  (func $f33 (type $op)
    (i64.atomic.store16 (call $at (local.get 0)) (call $i64 (local.get 1))) (call $i64 (i64.const 0)))
  (func $f34 (type $op)
    (i64.atomic.store32 (call $at (local.get 0)) (call $i64 (local.get 1))) (call $i64 (i64.const 0)))
  (func $f35 (type $op)
    (call $i64
      (i64.atomic.rmw.add (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f36 (type $op)
    (call $i64
      (i64.atomic.rmw8.add_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f37 (type $op)
    (call $i64
      (i64.atomic.rmw16.add_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f38 (type $op)
    (call $i64
      (i64.atomic.rmw32.add_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f39 (type $op)
    (call $i64
      (i64.atomic.rmw.sub (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f40 (type $op)
    (call $i64
      (i64.atomic.rmw8.sub_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f41 (type $op)
    (call $i64
      (i64.atomic.rmw16.sub_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f42 (type $op)
    (call $i64
      (i64.atomic.rmw32.sub_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f43 (type $op)
    (call $i64
      (i64.atomic.rmw.and (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f44 (type $op)
    (call $i64
      (i64.atomic.rmw8.and_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f45 (type $op)
    (call $i64
      (i64.atomic.rmw16.and_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f46 (type $op)
    (call $i64
      (i64.atomic.rmw32.and_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f47 (type $op)
    (call $i64
      (i64.atomic.rmw.or (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f48 (type $op)
    (call $i64
      (i64.atomic.rmw8.or_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f49 (type $op)
    (call $i64
      (i64.atomic.rmw16.or_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f50 (type $op)
    (call $i64
      (i64.atomic.rmw32.or_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f51 (type $op)
    (call $i64
      (i64.atomic.rmw.xor (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f52 (type $op)
    (call $i64
      (i64.atomic.rmw8.xor_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f53 (type $op)
    (call $i64
      (i64.atomic.rmw16.xor_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f54 (type $op)
    (call $i64
      (i64.atomic.rmw32.xor_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f55 (type $op)
    (call $i64
      (i64.atomic.rmw.xchg (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f56 (type $op)
    (call $i64
      (i64.atomic.rmw8.xchg_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f57 (type $op)
    (call $i64
      (i64.atomic.rmw16.xchg_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f58 (type $op)
    (call $i64
      (i64.atomic.rmw32.xchg_u (call $at (local.get 0)) (call $i64 (local.get 1)))))
  (func $f59 (type $op)
    (call $i64
      (i64.atomic.rmw.cmpxchg (call $at (local.get 0)) (call $i64 (local.get 1)) (call $i64 (i64.const -2)))))
  (func $f60 (type $op)
    (call $i64
      (i64.atomic.rmw8.cmpxchg_u (call $at (local.get 0)) (call $i64 (local.get 1)) (call $i64 (i64.const -2)))))
  (func $f61 (type $op)
    (call $i64
      (i64.atomic.rmw16.cmpxchg_u (call $at (local.get 0)) (call $i64 (local.get 1)) (call $i64 (i64.const -2)))))
  (func $f62 (type $op)
    (call $i64
      (i64.atomic.rmw32.cmpxchg_u (call $at (local.get 0)) (call $i64 (local.get 1)) (call $i64 (i64.const -2)))))
  (func $f63 (type $op)
    (atomic.fence) (call $i64 (local.get 1)))
  (func $f64 (type $op)
    (call $i64
      (i64.extend_i32_u (memory.atomic.notify (call $at (local.get 0)) (call $i32 (local.get 1))))))
  (func $f65 (type $op)
    (call $i64
      (i64.extend_i32_u (memory.atomic.wait32 (call $at (local.get 0)) (call $i32 (local.get 1)) (call $i64 (i64.const 0))))))
  (func $f66 (type $op)
    (call $i64
      (i64.extend_i32_u (memory.atomic.wait64 (call $at (local.get 0)) (call $i64 (local.get 1)) (call $i64 (i64.const 0))))))

  (table (ref null $op) (elem
    $f0 $f1 $f2 $f3 $f4 $f5 $f6 $f7 $f8 $f9 $f10 $f11 $f12 $f13 $f14 $f15
    $f16 $f17 $f18 $f19 $f20 $f21 $f22 $f23 $f24 $f25 $f26 $f27 $f28 $f29 $f30 $f31
    $f32 $f33 $f34 $f35 $f36 $f37 $f38 $f39 $f40 $f41 $f42 $f43 $f44 $f45 $f46 $f47
    $f48 $f49 $f50 $f51 $f52 $f53 $f54 $f55 $f56 $f57 $f58 $f59 $f60 $f61 $f62 $f63
    $f64 $f65 $f66)))

(assert_return (invoke "run" (i32.const 0) (i32.const 0) (i64.const 0x89abcdef)) (i64.const 0x33221100)) ;; i32.atomic.load
(assert_return (invoke "run" (i32.const 1) (i32.const 1) (i64.const 0x13579bde)) (i64.const 0x11)) ;; i32.atomic.load8_u
(assert_return (invoke "run" (i32.const 2) (i32.const 4) (i64.const 0x9d0369cd)) (i64.const 0x5544)) ;; i32.atomic.load16_u
(assert_return (invoke "run" (i32.const 3) (i32.const 12) (i64.const 0x26af37bc)) (i64.const 0x0)) ;; i32.atomic.store
(assert_return (invoke "run" (i32.const 4) (i32.const 4) (i64.const 0xb05b05ab)) (i64.const 0x0)) ;; i32.atomic.store8
(assert_return (invoke "run" (i32.const 5) (i32.const 10) (i64.const 0x3a06d39a)) (i64.const 0x0)) ;; i32.atomic.store16
(assert_return (invoke "run" (i32.const 6) (i32.const 8) (i64.const 0xc3b2a189)) (i64.const 0xd39a9988)) ;; i32.atomic.rmw.add
(assert_return (invoke "run" (i32.const 7) (i32.const 7) (i64.const 0x4d5e6f78)) (i64.const 0x77)) ;; i32.atomic.rmw8.add_u
(assert_return (invoke "run" (i32.const 8) (i32.const 0) (i64.const 0xd70a3d67)) (i64.const 0x1100)) ;; i32.atomic.rmw16.add_u
(assert_return (invoke "run" (i32.const 9) (i32.const 4) (i64.const 0x60b60b56)) (i64.const 0xef6655ab)) ;; i32.atomic.rmw.sub
(assert_return (invoke "run" (i32.const 10) (i32.const 10) (i64.const 0xea61d945)) (i64.const 0x4d)) ;; i32.atomic.rmw8.sub_u
(assert_return (invoke "run" (i32.const 11) (i32.const 6) (i64.const 0x740da734)) (i64.const 0x8eb0)) ;; i32.atomic.rmw16.sub_u
(assert_return (invoke "run" (i32.const 12) (i32.const 0) (i64.const 0xfdb97523)) (i64.const 0x33224e67)) ;; i32.atomic.rmw.and
(assert_return (invoke "run" (i32.const 13) (i32.const 13) (i64.const 0x87654312)) (i64.const 0x37)) ;; i32.atomic.rmw8.and_u
(assert_return (invoke "run" (i32.const 14) (i32.const 12) (i64.const 0x11111101)) (i64.const 0x12bc)) ;; i32.atomic.rmw16.and_u
(assert_return (invoke "run" (i32.const 15) (i32.const 12) (i64.const 0x9abcdef0)) (i64.const 0x26af1000)) ;; i32.atomic.rmw.or
(assert_return (invoke "run" (i32.const 16) (i32.const 0) (i64.const 0x2468acdf)) (i64.const 0x23)) ;; i32.atomic.rmw8.or_u
(assert_return (invoke "run" (i32.const 17) (i32.const 2) (i64.const 0xae147ace)) (i64.const 0x3120)) ;; i32.atomic.rmw16.or_u
(assert_return (invoke "run" (i32.const 18) (i32.const 8) (i64.const 0x37c048bd)) (i64.const 0x97083b11)) ;; i32.atomic.rmw.xor
(assert_return (invoke "run" (i32.const 19) (i32.const 3) (i64.const 0xc16c16ac)) (i64.const 0x7b)) ;; i32.atomic.rmw8.xor_u
(assert_return (invoke "run" (i32.const 20) (i32.const 8) (i64.const 0x4b17e49b)) (i64.const 0x73ac)) ;; i32.atomic.rmw16.xor_u
(assert_return (invoke "run" (i32.const 21) (i32.const 4) (i64.const 0xd4c3b28a)) (i64.const 0xe77c4a55)) ;; i32.atomic.rmw.xchg
(assert_return (invoke "run" (i32.const 22) (i32.const 6) (i64.const 0x5e6f8079)) (i64.const 0xc3)) ;; i32.atomic.rmw8.xchg_u
(assert_return (invoke "run" (i32.const 23) (i32.const 14) (i64.const 0xe81b4e68)) (i64.const 0xbebf)) ;; i32.atomic.rmw16.xchg_u
(assert_return (invoke "run" (i32.const 24) (i32.const 0) (i64.const 0xd7ee44ff)) (i64.const 0xd7ee44ff)) ;; i32.atomic.rmw.cmpxchg
(assert_return (invoke "run" (i32.const 25) (i32.const 9) (i64.const 0x97)) (i64.const 0x97)) ;; i32.atomic.rmw8.cmpxchg_u
(assert_return (invoke "run" (i32.const 26) (i32.const 4) (i64.const 0xb28a)) (i64.const 0xb28a)) ;; i32.atomic.rmw16.cmpxchg_u
(assert_return (invoke "run" (i32.const 27) (i32.const 8) (i64.const 0x1fdb97530eca8624)) (i64.const 0x4e68def0a0c8fe37)) ;; i64.atomic.load
(assert_return (invoke "run" (i32.const 28) (i32.const 12) (i64.const 0x20fedcba98765413)) (i64.const 0xf0)) ;; i64.atomic.load8_u
(assert_return (invoke "run" (i32.const 29) (i32.const 10) (i64.const 0x2222222222222202)) (i64.const 0xa0c8)) ;; i64.atomic.load16_u
(assert_return (invoke "run" (i32.const 30) (i32.const 8) (i64.const 0x23456789abcdeff1)) (i64.const 0xa0c8fe37)) ;; i64.atomic.load32_u
(assert_return (invoke "run" (i32.const 31) (i32.const 8) (i64.const 0x2468acf13579bde0)) (i64.const 0x0)) ;; i64.atomic.store
(assert_return (invoke "run" (i32.const 32) (i32.const 0) (i64.const 0x258bf258bf258bcf)) (i64.const 0x0)) ;; i64.atomic.store8
(assert_return (invoke "run" (i32.const 33) (i32.const 2) (i64.const 0x26af37c048d159be)) (i64.const 0x0)) ;; i64.atomic.store16
(assert_return (invoke "run" (i32.const 34) (i32.const 8) (i64.const 0x27d27d27d27d27ad)) (i64.const 0x0)) ;; i64.atomic.store32
(assert_return (invoke "run" (i32.const 35) (i32.const 8) (i64.const 0x28f5c28f5c28f59c)) (i64.const 0x2468acf1d27d27ad)) ;; i64.atomic.rmw.add
(assert_return (invoke "run" (i32.const 36) (i32.const 4) (i64.const 0x2a1907f6e5d4c38b)) (i64.const 0xfe)) ;; i64.atomic.rmw8.add_u
(assert_return (invoke "run" (i32.const 37) (i32.const 10) (i64.const 0x2b3c4d5e6f80917a)) (i64.const 0x2ea6)) ;; i64.atomic.rmw16.add_u
(assert_return (invoke "run" (i32.const 38) (i32.const 8) (i64.const 0x2c5f92c5f92c5f69)) (i64.const 0xc0201d49)) ;; i64.atomic.rmw32.add_u
(assert_return (invoke "run" (i32.const 39) (i32.const 8) (i64.const 0x2d82d82d82d82d58)) (i64.const 0x4d5e6f81b94c7cb2)) ;; i64.atomic.rmw.sub
(assert_return (invoke "run" (i32.const 40) (i32.const 8) (i64.const 0x2ea61d950c83fb47)) (i64.const 0x5a)) ;; i64.atomic.rmw8.sub_u
(assert_return (invoke "run" (i32.const 41) (i32.const 2) (i64.const 0x2fc962fc962fc936)) (i64.const 0x59be)) ;; i64.atomic.rmw16.sub_u
(assert_return (invoke "run" (i32.const 42) (i32.const 8) (i64.const 0x30eca8641fdb9725)) (i64.const 0x36744f13)) ;; i64.atomic.rmw32.sub_u
(assert_return (invoke "run" (i32.const 43) (i32.const 8) (i64.const 0x320fedcba9876514)) (i64.const 0x1fdb97541698b7ee)) ;; i64.atomic.rmw.and
(assert_return (invoke "run" (i32.const 44) (i32.const 12) (i64.const 0x3333333333333303)) (i64.const 0x40)) ;; i64.atomic.rmw8.and_u
(assert_return (invoke "run" (i32.const 45) (i32.const 10) (i64.const 0x3456789abcdf00f2)) (i64.const 0x80)) ;; i64.atomic.rmw16.and_u
(assert_return (invoke "run" (i32.const 46) (i32.const 8) (i64.const 0x3579be02468acee1)) (i64.const 0x802504)) ;; i64.atomic.rmw32.and_u
(assert_return (invoke "run" (i32.const 47) (i32.const 8) (i64.const 0x369d0369d0369cd0)) (i64.const 0x120b850000800400)) ;; i64.atomic.rmw.or
(assert_return (invoke "run" (i32.const 48) (i32.const 0) (i64.const 0x37c048d159e26abf)) (i64.const 0xcf)) ;; i64.atomic.rmw8.or_u
(assert_return (invoke "run" (i32.const 49) (i32.const 2) (i64.const 0x38e38e38e38e38ae)) (i64.const 0x9088)) ;; i64.atomic.rmw16.or_u
(assert_return (invoke "run" (i32.const 50) (i32.const 8) (i64.const 0x3a06d3a06d3a069d)) (i64.const 0xd0b69cd0)) ;; i64.atomic.rmw32.or_u
(assert_return (invoke "run" (i32.const 51) (i32.const 8) (i64.const 0x3b2a1907f6e5d48c)) (i64.const 0x369f8769fdbe9edd)) ;; i64.atomic.rmw.xor
(assert_return (invoke "run" (i32.const 52) (i32.const 4) (i64.const 0x3c4d5e6f8091a27b)) (i64.const 0x89)) ;; i64.atomic.rmw8.xor_u
(assert_return (invoke "run" (i32.const 53) (i32.const 10) (i64.const 0x3d70a3d70a3d706a)) (i64.const 0xb5b)) ;; i64.atomic.rmw16.xor_u
(assert_return (invoke "run" (i32.const 54) (i32.const 8) (i64.const 0x3e93e93e93e93e59)) (i64.const 0x7b314a51)) ;; i64.atomic.rmw32.xor_u
(assert_return (invoke "run" (i32.const 55) (i32.const 8) (i64.const 0x3fb72ea61d950c48)) (i64.const 0xdb59e6ee8d87408)) ;; i64.atomic.rmw.xchg
(assert_return (invoke "run" (i32.const 56) (i32.const 8) (i64.const 0x40da740da740da37)) (i64.const 0x48)) ;; i64.atomic.rmw8.xchg_u
(assert_return (invoke "run" (i32.const 57) (i32.const 2) (i64.const 0x41fdb97530eca826)) (i64.const 0xb8ae)) ;; i64.atomic.rmw16.xchg_u
(assert_return (invoke "run" (i32.const 58) (i32.const 8) (i64.const 0x4320fedcba987615)) (i64.const 0x1d950c37)) ;; i64.atomic.rmw32.xchg_u
(assert_return (invoke "run" (i32.const 59) (i32.const 8) (i64.const 0x3fb72ea6ba987615)) (i64.const 0x3fb72ea6ba987615)) ;; i64.atomic.rmw.cmpxchg
(assert_return (invoke "run" (i32.const 60) (i32.const 12) (i64.const 0xff)) (i64.const 0xff)) ;; i64.atomic.rmw8.cmpxchg_u
(assert_return (invoke "run" (i32.const 61) (i32.const 10) (i64.const 0xffff)) (i64.const 0xffff)) ;; i64.atomic.rmw16.cmpxchg_u
(assert_return (invoke "run" (i32.const 62) (i32.const 8) (i64.const 0xfffefffe)) (i64.const 0xfffefffe)) ;; i64.atomic.rmw32.cmpxchg_u
(assert_return (invoke "run" (i32.const 63) (i32.const 0) (i64.const 0x5)) (i64.const 5)) ;; atomic.fence
(assert_return (invoke "run" (i32.const 64) (i32.const 8) (i64.const 0x1)) (i64.const 0)) ;; memory.atomic.notify
(assert_return (invoke "run" (i32.const 65) (i32.const 8) (i64.const 0xfffffffe)) (i64.const 2)) ;; memory.atomic.wait32
(assert_return (invoke "run" (i32.const 65) (i32.const 8) (i64.const 0xffffffff)) (i64.const 1)) ;; memory.atomic.wait32
(assert_return (invoke "run" (i32.const 66) (i32.const 8) (i64.const 0xfffffffefffffffe)) (i64.const 2)) ;; memory.atomic.wait64
(assert_return (invoke "run" (i32.const 66) (i32.const 8) (i64.const 0xfffffffeffffffff)) (i64.const 1)) ;; memory.atomic.wait64

;; A comparison that fails stores nothing.
(assert_return (invoke "run" (i32.const 24) (i32.const 8) (i64.const 0xffffffff)) (i64.const 0xfffffffe))
(assert_return (invoke "run" (i32.const 0) (i32.const 8) (i64.const 0)) (i64.const 0xfffffffe))

;; Unaligned, and out of bounds.
(assert_trap (invoke "run" (i32.const 0) (i32.const 2) (i64.const 0)) "unaligned atomic")
(assert_trap (invoke "run" (i32.const 24) (i32.const 65536) (i64.const 0)) "out of bounds memory access")
(assert_return (invoke "run" (i32.const 0) (i32.const 8) (i64.const 0)) (i64.const 0xfffffffe))
