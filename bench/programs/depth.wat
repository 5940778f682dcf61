;; The generator below `depth` calls, each of which has something left to do when its callee returns.
(module
  (type $body (func (param i32) (result i64)))
  (type $cont (cont $body))
  (type $rest (func (result i64)))
  (type $suspended (cont $rest))
  (tag $yield (param i64))
  (global $n (mut i64) (i64.const 0))
  (elem declare func $descend)
  (func $numbers
    (local $i i64)
    (loop $again
      (suspend $yield (local.get $i))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $again (i64.lt_u (local.get $i) (global.get $n)))))
  (func $descend (param $depth i32) (result i64)
    (if (result i64) (i32.le_u (local.get $depth) (i32.const 1))
      (then (call $numbers) (i64.const 1))
      (else (i64.add (call $descend (i32.sub (local.get $depth) (i32.const 1))) (i64.const 1)))))
  ;; The sum of what was yielded and the number of activations that returned.
  (func (export "run") (param $n i32) (param $depth i32) (result i64)
    (local $k (ref null $suspended))
    (local $sum i64)
    (global.set $n (i64.extend_i32_u (local.get $n)))
    (local.set $k (cont.bind $cont $suspended (local.get $depth) (cont.new $cont (ref.func $descend))))
    (loop $again
      (block $yielded (result i64 (ref $suspended))
        (resume $suspended (on $yield $yielded) (local.get $k))
        (return (i64.add (local.get $sum))))
      (local.set $k)
      (local.set $sum (i64.add (local.get $sum)))
      (br $again))
    (unreachable)))
