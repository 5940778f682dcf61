;; The legacy exception instructions (try, catch, catch_all, delegate, rethrow) around suspensions.

;; "ask n" suspends with n and is answered 10 * n; the harness returns the body's result and the questions' digits.
(module
  (type $ft (func (result i32)))
  (type $ct (cont $ft))
  (type $ft1 (func (param i32) (result i32)))
  (type $ct1 (cont $ft1))
  (tag $ask (param i32) (result i32))
  (tag $exn (param i32))
  (tag $pair (param i32 i64))
  (tag $other)
  (global $log (mut i64) (i64.const 0))

  (func $run (param $f (ref $ft)) (result i32 i64)
    (local $n i32)
    (local $k (ref null $ct1))
    (global.set $log (i64.const 0))
    (block $done (result i32)
      (block $first (result i32 (ref $ct1))
        (br $done (resume $ct (on $ask $first) (cont.new $ct (local.get $f))))
      )
      (loop $again (param i32 (ref $ct1)) (result i32)
        (local.set $k)
        (local.set $n)
        (global.set $log (i64.add (i64.mul (global.get $log) (i64.const 10)) (i64.extend_i32_s (local.get $n))))
        (resume $ct1 (on $ask $again) (i32.mul (local.get $n) (i32.const 10)) (local.get $k))
      )
    )
    (global.get $log)
  )
  (func $ask (param $n i32) (result i32) (suspend $ask (local.get $n)))
  (func $ask-throw (param $n i32) (throw $exn (call $ask (local.get $n))))
  (func $ask-throw-other (param $n i32) (drop (call $ask (local.get $n))) (throw $other))

  (func $catch (result i32)
    (i32.const 100)
    try (result i32)
      (call $ask-throw (call $ask (i32.const 0)))
      (i32.const 1)
    catch $exn
      (i32.sub (call $ask (i32.const 2)))
    end
    (i32.sub (suspend $ask (i32.const 3)))
    (i32.sub)
  )
  (func (export "catch") (result i32 i64) (call $run (ref.func $catch)))

  (func $no-throw (result i32)
    try (result i32)
      (i32.sub (call $ask (i32.const 1)) (suspend $ask (i32.const 2)))
    catch $exn
      (drop) (call $ask (i32.const 8))
    catch_all
      (call $ask (i32.const 9))
    end
  )
  (func (export "no-throw") (result i32 i64) (call $run (ref.func $no-throw)))

  (func $params (result i32)
    (call $ask (i32.const 1))
    (i64.const 5)
    try (param i32 i64) (result i32 i64)
      (drop)
      (call $ask (i32.const 2))
      (i32.sub)
      (throw $pair (i64.const 7))
    catch $exn
      (i64.const 1)
    catch $pair
      (i64.extend_i32_s (call $ask (i32.const 3)))
      (i64.add)
    end
    (i32.wrap_i64)
    (i32.sub)
  )
  (func (export "params-results") (result i32 i64) (call $run (ref.func $params)))

  (func $catch_all (result i32)
    (i32.const 7)
    try (result i32)
      (call $ask-throw-other (i32.const 1))
      (i32.const 1)
    catch $exn
    catch $pair
      (drop)
    catch_all
      (i32.const 3)
      (call $ask (i32.const 2))
      (i32.sub)
    end
    (i32.sub)
  )
  (func (export "catch_all") (result i32 i64) (call $run (ref.func $catch_all)))

  ;; rethrow after a suspension in the catch block, with the payload already used
  (func $rethrow (result i32)
    try (result i32)
      try (result i32)
        (call $ask-throw (i32.const 1))
        (i32.const 1)
      catch $exn
        (drop (i32.add (call $ask (i32.const 2))))
        (block (drop (suspend $ask (i32.const 3))) (rethrow 1))
        (unreachable)
      end
    catch $exn
      (i32.add (call $ask (i32.const 4)))
    end
  )
  (func (export "rethrow") (result i32 i64) (call $run (ref.func $rethrow)))
  (func $rethrow-all (result i32)
    try (result i32)
      try
        (call $ask-throw (i32.const 1))
      catch_all
        (drop (call $ask (i32.const 2)))
        (rethrow 0)
      end
      (i32.const 1)
    catch $exn
      (i32.add (call $ask (i32.const 4)))
    end
  )
  (func (export "rethrow-from-catch_all") (result i32 i64) (call $run (ref.func $rethrow-all)))
  ;; rethrow names the outer of two catch blocks it stands in: what comes out is the first exception.
  (func $rethrow-outer (result i32)
    try (result i32)
      try
        (call $ask-throw (i32.const 1))
      catch $exn
        (drop)
        try $inner
          (call $ask-throw (i32.const 2))
        catch $exn
          (drop)
          (drop (call $ask (i32.const 3)))
          (rethrow 1)
        end
      end
      (unreachable)
    catch $exn
    end
  )
  (func (export "rethrow-outer") (result i32 i64) (call $run (ref.func $rethrow-outer)))
  ;; A catch block that is suspended while another exception comes and goes inside it
  (func $rethrow-kept (result i32)
    try (result i32)
      try
        (call $ask-throw (i32.const 1))
      catch $exn
        (drop)
        try
          (call $ask-throw (i32.const 2))
        catch $exn
          (drop (i32.sub (call $ask (i32.const 3))))
        end
        (rethrow 0)
      end
      (unreachable)
    catch $exn
    end
  )
  (func (export "rethrow-kept") (result i32 i64) (call $run (ref.func $rethrow-kept)))

  ;; delegate past a try that would catch, to an outer one, and to the caller
  (func $delegate (result i32)
    try $outer (result i32)
      try $skipped (result i32)
        (i32.const 9)
        try (result i32)
          (call $ask-throw (i32.const 1))
          (i32.const 1)
        delegate $outer
        (i32.sub)
      catch $exn
        (drop)
        (call $ask (i32.const 8))
      catch_all
        (call $ask (i32.const 9))
      end
    catch $exn
      (i32.sub (call $ask (i32.const 2)))
    end
  )
  (func (export "delegate") (result i32 i64) (call $run (ref.func $delegate)))
  (func $delegates-out (result i32)
    try (result i32)
      try (result i32)
        (call $ask-throw (i32.const 1))
        (i32.const 1)
      delegate 1
    catch_all
      (call $ask (i32.const 9))
    end
  )
  (func $delegate-caller (result i32)
    try (result i32)
      (i32.sub (i32.const 5) (call $delegates-out))
    catch $exn
      (i32.sub (suspend $ask (i32.const 2)))
    end
  )
  (func (export "delegate-to-caller") (result i32 i64) (call $run (ref.func $delegate-caller)))
  ;; Out of a block between: to a label that is no try, the next try around it
  (func $delegate-block (result i32)
    try (result i32)
      (block $b (result i32)
        try (result i32)
          try (result i32)
            (call $ask-throw (i32.const 1))
            (i32.const 1)
          delegate $b
        catch_all
          (call $ask (i32.const 9))
        end
      )
    catch $exn
      (i32.add (call $ask (i32.const 2)))
    end
  )
  (func (export "delegate-to-block") (result i32 i64) (call $run (ref.func $delegate-block)))

  ;; Three deep, in one frame, each level suspends before and after
  (func $three (result i32)
    (i32.const 1)
    try (param i32) (result i32)
      (i32.sub (call $ask (i32.const 1)))
      try (param i32) (result i32)
        (i32.sub (call $ask (i32.const 2)))
        try (param i32) (result i32)
          (i32.sub (call $ask (i32.const 3)))
          (throw $exn)
        catch $exn
          (i32.mul (call $ask (i32.const 4)))
          (throw $exn)
        end
      catch $exn
        (i32.mul (suspend $ask (i32.const 5)))
        (throw $exn)
      end
    catch $exn
      (i32.add (call $ask (i32.const 6)))
    end
  )
  (func (export "three") (result i32 i64) (call $run (ref.func $three)))

  ;; A branch out of try and out of catch
  (func $branches (result i32)
    (local $i i32)
    (block $out (result i32)
      (loop $l
        try
          (br_if $l (i32.lt_s (local.tee $i (i32.add (local.get $i) (call $ask (i32.const 1)))) (i32.const 30)))
          (call $ask-throw (i32.const 2))
        catch $exn
          (br $out (i32.add (local.get $i) (call $ask (i32.const 3))) (i32.add))
        end
      )
      (unreachable)
    )
  )
  (func (export "branches") (result i32 i64) (call $run (ref.func $branches)))

  ;; Across one, two and three resumes
  (func $thrower (result i32) (call $ask-throw (i32.const 1)) (i32.const 1))
  (func $r1 (result i32) (i32.sub (i32.const 1) (resume $ct (cont.new $ct (ref.func $thrower)))))
  (func $r2 (result i32)
    try (result i32)
      (resume $ct (cont.new $ct (ref.func $r1)))
    catch $other
      (i32.const 1)
    catch_all
      (drop (call $ask (i32.const 2)))
      (rethrow 0)
    end
  )
  (func $r3 (result i32)
    try (result i32)
      (i32.sub (i32.const 1) (resume $ct (cont.new $ct (ref.func $r2))))
    catch $exn
      (i32.sub (call $ask (i32.const 3)))
    end
  )
  (func (export "crossing") (result i32 i64) (call $run (ref.func $r3)))
  (func (export "crossing-uncaught") (result i32 i64) (call $run (ref.func $r2)))
  (elem declare func $catch $no-throw $params $catch_all $rethrow $rethrow-all $rethrow-outer $rethrow-kept $delegate
    $delegate-caller $delegate-block $three $branches $thrower $r1 $r2 $r3)
)

(assert_return (invoke "catch") (i32.const 150) (i64.const 23))
(assert_return (invoke "no-throw") (i32.const -10) (i64.const 12))
(assert_return (invoke "params-results") (i32.const -47) (i64.const 123))
(assert_return (invoke "catch_all") (i32.const 24) (i64.const 12))
(assert_return (invoke "rethrow") (i32.const 50) (i64.const 1234))
(assert_return (invoke "rethrow-from-catch_all") (i32.const 50) (i64.const 124))
(assert_return (invoke "rethrow-outer") (i32.const 10) (i64.const 123))
(assert_return (invoke "rethrow-kept") (i32.const 10) (i64.const 123))
(assert_return (invoke "delegate") (i32.const -10) (i64.const 12))
(assert_return (invoke "delegate-to-caller") (i32.const -10) (i64.const 12))
(assert_return (invoke "delegate-to-block") (i32.const 30) (i64.const 12))
(assert_return (invoke "three") (i32.const -117940) (i64.const 123456))
(assert_return (invoke "branches") (i32.const 80) (i64.const 11123))
(assert_return (invoke "crossing") (i32.const -20) (i64.const 123))
(assert_exception (invoke "crossing-uncaught"))
(assert_return (invoke "crossing") (i32.const -20) (i64.const 123))

;; resume_throw and traps
(module
  (type $ft (func (result i32)))
  (type $ct (cont $ft))
  (tag $pause)
  (tag $exn (param i32))

  (func $paused (param $f (ref $ft)) (result (ref $ct))
    (block $h (result (ref $ct))
      (drop (resume $ct (on $pause $h) (cont.new $ct (local.get $f))))
      (unreachable)
    )
  )
  (func $catches (result i32)
    try (result i32)
      (suspend $pause)
      (i32.const 1)
    catch $exn
      (suspend $pause)
      (i32.add (i32.const 2))
    end
  )
  (func (export "resume_throw") (result i32)
    (block $h (result (ref $ct))
      (drop (resume_throw $ct $exn (on $pause $h) (i32.const 40) (call $paused (ref.func $catches))))
      (unreachable)
    )
    (resume $ct)
  )
  (func $nothing (result i32) (suspend $pause) (i32.const 1))
  (func (export "resume_throw-out") (result i32)
    try (result i32)
      (resume_throw $ct $exn (i32.const 40) (call $paused (ref.func $nothing)))
    catch $exn
      (i32.add (i32.const 3))
    end
  )
  (func $traps (result i32) (suspend $pause) (unreachable))
  (func (export "trap") (result i32)
    try (result i32)
      (resume $ct (call $paused (ref.func $traps)))
    catch_all
      (i32.const 1)
    end
  )
  (func (export "consumed") (result i32)
    (local $k (ref null $ct))
    (local.set $k (call $paused (ref.func $nothing)))
    try (result i32)
      (i32.add (resume $ct (local.get $k)) (resume $ct (local.get $k)))
    catch_all
      (i32.const 1)
    end
  )
  (elem declare func $catches $nothing $traps)
)
(assert_return (invoke "resume_throw") (i32.const 42))
(assert_return (invoke "resume_throw-out") (i32.const 43))
(assert_trap (invoke "trap") "unreachable")
(assert_trap (invoke "consumed") "continuation already consumed")

;; A body that ends normally goes on behind its delegate.
(module
  (tag $t)
  (func (export "past-delegate") (param i32) (result i32)
    try (result i32)
      try (result i32)
        local.get 0
        if
          throw $t
        end
        i32.const 1
      delegate 0
      i32.const 1
      i32.add
    catch $t
      i32.const 5
    end
  )
)
(assert_return (invoke "past-delegate" (i32.const 0)) (i32.const 2))
(assert_return (invoke "past-delegate" (i32.const 1)) (i32.const 5))
