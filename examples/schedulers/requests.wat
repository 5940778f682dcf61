;; A guest of a few jobs: some ask the host for numbers, one starts others and joins them.
(module
  (type $job (func (result i32)))
  (type $job-cont (cont $job))
  (type $work (func (param i32) (result i32)))
  (type $work-cont (cont $work))

  ;; These may take their time.
  (import "host" "load" (func $load (param $id i32) (result i32)))
  (import "host" "lock" (func $lock))
  (import "host" "join" (func $join (param $task i32) (result i32)))
  ;; These do not.
  (import "host" "unlock" (func $unlock))
  (import "host" "spawn" (func $spawn (param $id i32) (result i32)))

  ;; Two numbers, added up; one job at a time.
  (func $work (export "work") (type $work)
    (local $sum i32)
    (call $lock)
    (local.set $sum (i32.add (call $load (local.get 0)) (call $load (i32.add (local.get 0) (i32.const 1)))))
    (call $unlock)
    (local.get $sum))

  ;; The same, handed over instead of done.
  (func (export "later") (param $id i32) (result (ref $job-cont))
    (cont.bind $work-cont $job-cont (local.get $id) (cont.new $work-cont (ref.func $work))))

  ;; Both at once, and the sum of what they return.
  (func (export "both") (param $first i32) (param $second i32) (result i32)
    (local $task i32)
    (local.set $task (call $spawn (local.get $first)))
    (i32.add (call $join (call $spawn (local.get $second))) (call $join (local.get $task))))

  (elem declare func $work))
