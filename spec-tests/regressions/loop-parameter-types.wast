;; closed: CompileError: WebAssembly.Module(): Compiling function
;; CompileError: WebAssembly.Module(): Compiling function #15 failed: type error in fallthru[0] (expected (ref i31), got i31ref) @+1116
;; seed 430, node
(module $host
  (global $sum (mut i64) (i64.const 0))
  (func $log64 (export "log64") (param i64)
    (global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 31)) (local.get 0))))
  (func (export "log") (param i32) (call $log64 (i64.extend_i32_s (local.get 0))))
  (func (export "sum") (result i64) (global.get $sum)))
(register "host" $host)

(module
  (rec
    (type (;0;) (sub (struct (field (mut i32)) (field (mut anyref)))))
    (type (;1;) (sub final 0 (struct (field (mut i32)) (field (mut anyref)) (field (mut i64)))))
  )
  (type (;2;) (array (mut i32)))
  (type (;3;) (func (param i32) (result i32)))
  (type (;4;) (func))
  (type (;5;) (cont 4))
  (type (;6;) (cont 3))
  (type (;7;) (func (param i64) (result i32)))
  (type (;8;) (func (param i32 i64) (result anyref)))
  (type (;9;) (func (param (ref 0))))
  (type (;10;) (func (param i32)))
  (type (;11;) (func (param i64)))
  (type (;12;) (cont 10))
  (type (;13;) (func (param anyref)))
  (type (;14;) (cont 13))
  (type (;15;) (func (result i32 (ref 12))))
  (type (;16;) (func (result i64 (ref null 12))))
  (type (;17;) (func (result i32 i64 (ref 14))))
  (type (;18;) (func (result (ref 0) (ref 5))))
  (type (;19;) (func (result i32 (ref null 12))))
  (type (;20;) (func (result i64 (ref 12))))
  (type (;21;) (func (result i32 i64 (ref null 14))))
  (type (;22;) (func (result (ref 0) (ref null 5))))
  (type (;23;) (func (result f64 f32)))
  (type (;24;) (cont 23))
  (type (;25;) (func (param anyref) (result f64 f32)))
  (type (;26;) (cont 25))
  (type (;27;) (func (param i32) (result f64 f32)))
  (type (;28;) (cont 27))
  (type (;29;) (func (result i32 i64 (ref null 26))))
  (type (;30;) (func (result i32 (ref 28))))
  (type (;31;) (func (param eqref i32)))
  (type (;32;) (cont 31))
  (type (;33;) (func (param (ref null 0) (ref any)) (result i32)))
  (type (;34;) (func (param i64 (ref 2)) (result (ref null 0))))
  (type (;35;) (func (param (ref null 5) (ref null 3)) (result f64 f32)))
  (type (;36;) (func (result (ref 0) (ref exn))))
  (type (;37;) (func (param i64 i64) (result i64 i32)))
  (type (;38;) (func (param i32) (result (ref null 0) i32)))
  (type (;39;) (func (param (ref 6) (ref any)) (result i64)))
  (type (;40;) (func (result i32 anyref)))
  (type (;41;) (func (result (ref 0) exnref)))
  (type (;42;) (func (param (ref 1))))
  (type (;43;) (func (result i32 i64)))
  (type (;44;) (func (param (ref 3))))
  (type (;45;) (func (param i64 i32) (result i64 i64)))
  (type (;46;) (func (param (ref i31))))
  (type (;47;) (func (param i64) (result i64 (ref 1))))
  (type (;48;) (func (param f64 i32) (result i64 (ref 3))))
  (type (;49;) (func (param f64 i64) (result (ref i31) externref)))
  (type (;50;) (func (param (ref i31)) (result i64)))
  (type (;51;) (func (result (ref i31) i32)))
  (import "host" "log" (func (;0;) (type 10)))
  (import "host" "log64" (func (;1;) (type 11)))
  (table (;0;) 13 funcref)
  (tag (;0;) (type 3) (param i32) (result i32))
  (tag (;1;) (type 7) (param i64) (result i32))
  (tag (;2;) (type 8) (param i32 i64) (result anyref))
  (export "run0" (func 2))
  (elem (;0;) (i32.const 0) funcref (ref.func 5) (ref.func 10))
  (func (;2;) (type 3) (param i32) (result i32)
    unreachable
  )
  (func (;3;) (type 3) (param i32) (result i32)
    unreachable
  )
  (func (;4;) (type 3) (param i32) (result i32)
    unreachable
  )
  (func (;5;) (type 4))
  (func (;6;) (type 23) (result f64 f32)
    unreachable
  )
  (func (;7;) (type 25) (param anyref) (result f64 f32)
    unreachable
  )
  (func (;8;) (type 4))
  (func (;9;) (type 31) (param eqref i32))
  (func (;10;) (type 4)
    f32.const 0x1p+0 (;=1;)
    i32.const -1
    i64.const -2
    suspend 2
    drop
    drop
  )
  (func (;11;) (type 34) (param i64 (ref 2)) (result (ref null 0))
    unreachable
  )
  (func (;12;) (type 33) (param (ref null 0) (ref any)) (result i32)
    unreachable
  )
  (func (;13;) (type 3) (param i32) (result i32)
    unreachable
  )
  (func (;14;) (type 35) (param (ref null 5) (ref null 3)) (result f64 f32)
    (local (ref i31))
    i32.const 0
    i32.const 17
    ref.i31
    loop (type 50) (param (ref i31)) (result i64) ;; label = @1
      local.set 2
      block (result (ref i31)) ;; label = @2
        ref.func 5
        cont.new 5
        resume 5
        block (type 51) (result (ref i31) i32) ;; label = @3
          local.get 2
          i32.const 4
          br 0 (;@3;)
        end
        br_if 1 (;@1;)
      end
      drop
      i64.const 1
    end
    drop
    drop
    f64.const 0x1p+0 (;=1;)
    f32.const -0x1.4p+1 (;=-2.5;)
  )
)
(assert_trap (invoke "run0" (i32.const 0)) "unreachable")
