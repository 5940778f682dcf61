;; A generator that a host program draws from: next() resumes it and returns its next value, or -1 after the last.
(module
  (type $f (func))
  (type $c (cont $f))
  (tag $yield (param i32))
  (import "host" "log" (func $log (param i32)))
  (global $generator (mut (ref null $c)) (ref.null $c))

  (func $squares
    (local $i i32)
    (loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (call $log (local.get $i))
      (suspend $yield (i32.mul (local.get $i) (local.get $i)))
      (br_if $l (i32.lt_u (local.get $i) (i32.const 3)))))
  (elem declare func $squares)

  (func (export "start") (global.set $generator (cont.new $c (ref.func $squares))))

  (func (export "next") (result i32)
    (block $yielded (result i32 (ref $c))
      (resume $c (on $yield $yielded) (global.get $generator))
      (return (i32.const -1)))
    (global.set $generator)))
