;; n continuations, each created, suspended once, resumed and finished.
(module
  (type $body (func))
  (type $cont (cont $body))
  (tag $yield (param i64))
  (elem declare func $once)
  (func $once (suspend $yield (i64.const 1)))
  (func (export "run") (param $n i32) (param $unused i32) (result i64)
    (local $k (ref null $cont))
    (local $sum i64)
    (loop $next
      (local.set $k (cont.new $cont (ref.func $once)))
      (block $finished
        (loop $again
          (block $yielded (result i64 (ref $cont))
            (resume $cont (on $yield $yielded) (local.get $k))
            (br $finished))
          (local.set $k)
          (local.set $sum (i64.add (local.get $sum)))
          (br $again)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n)))
    (local.get $sum)))
