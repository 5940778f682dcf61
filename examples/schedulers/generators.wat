;; Generators: functions that suspend with each value, drawn from by turns.
(module
  (import "host" "log" (func $log (param i32)))

  (type $body (func))
  (type $generator (cont $body))
  (tag $value (param i32))
  ;; A generator that can be kept: what goes on with it changes each time.
  (type $source (struct (field $rest (mut (ref null $generator)))))

  (func $naturals
    (local $n i32)
    (loop $next
      (suspend $value (local.get $n))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br $next)))

  (func $fibonacci
    (local $a i32) (local $b i32)
    (local.set $b (i32.const 1))
    (loop $next
      (suspend $value (local.get $a))
      (local.get $b)
      (local.set $b (i32.add (local.get $a) (local.get $b)))
      (local.set $a)
      (br $next)))

  (func $three
    (suspend $value (i32.const 1))
    (suspend $value (i32.const 2))
    (suspend $value (i32.const 3)))

  (func $open (param $body (ref $body)) (result (ref $source))
    (struct.new $source (cont.new $generator (local.get $body))))

  ;; The next value, and whether there was one.
  (func $next (param $source (ref $source)) (result i32 i32)
    (local $rest (ref null $generator))
    (block $suspended (result i32 (ref $generator))
      (resume $generator (on $value $suspended) (struct.get $source $rest (local.get $source)))
      (return (i32.const 0) (i32.const 0)))
    (local.set $rest)
    (struct.set $source $rest (local.get $source) (local.get $rest))
    (i32.const 1))

  (func $log-values (param $source (ref $source)) (param $count i32)
    (local $found i32)
    (loop $more
      (local.set $found (call $next (local.get $source)))
      (call $log)
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $more (i32.and (local.get $found) (i32.gt_s (local.get $count) (i32.const 0))))))

  ;; Of the first values, or of all where there are fewer.
  (func $sum (param $source (ref $source)) (param $count i32) (result i32)
    (local $sum i32) (local $found i32)
    (loop $more
      (local.set $found (call $next (local.get $source)))
      (local.set $sum (i32.add (local.get $sum)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $more (i32.and (local.get $found) (i32.gt_s (local.get $count) (i32.const 0)))))
    (local.get $sum))

  (func (export "run")
    (local $naturals (ref $source)) (local $fibonacci (ref $source)) (local $rounds i32)
    (local.set $naturals (call $open (ref.func $naturals)))
    (local.set $fibonacci (call $open (ref.func $fibonacci)))
    (local.set $rounds (i32.const 4))
    (loop $more
      (call $log-values (local.get $naturals) (i32.const 5))
      (call $log-values (local.get $fibonacci) (i32.const 5))
      (br_if $more (local.tee $rounds (i32.sub (local.get $rounds) (i32.const 1)))))
    (call $log-values (call $open (ref.func $naturals)) (i32.const 42))
    (call $log-values (call $open (ref.func $fibonacci)) (i32.const 42))
    (call $log (call $sum (call $open (ref.func $naturals)) (i32.const 101)))
    (call $log (call $sum (call $open (ref.func $three)) (i32.const 10))))

  (elem declare func $naturals $fibonacci $three))
