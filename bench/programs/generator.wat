;; One continuation that yields 0, 1, … n - 1 to a loop that adds them up.
(module
  (type $body (func))
  (type $cont (cont $body))
  (tag $yield (param i64))
  (global $n (mut i64) (i64.const 0))
  (elem declare func $numbers)
  (func $numbers
    (local $i i64)
    (loop $again
      (suspend $yield (local.get $i))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $again (i64.lt_u (local.get $i) (global.get $n)))))
  (func (export "run") (param $n i32) (param $unused i32) (result i64)
    (local $k (ref null $cont))
    (local $sum i64)
    (global.set $n (i64.extend_i32_u (local.get $n)))
    (local.set $k (cont.new $cont (ref.func $numbers)))
    (loop $again
      (block $yielded (result i64 (ref $cont))
        (resume $cont (on $yield $yielded) (local.get $k))
        (return (local.get $sum)))
      (local.set $k)
      (local.set $sum (i64.add (local.get $sum)))
      (br $again))
    (unreachable)))
