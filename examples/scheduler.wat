;; A round-robin scheduler. Tasks hand the processor directly to the next one with `switch`; each of them draws what it
;; prints from a generator of its own, which it resumes and which suspends with every value.
;;
;;   bobbin run examples/scheduler.wat
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))

  ;; A generator starts with the factor between its values.
  (type $gen (func))
  (type $gen-cont (cont $gen))
  (type $gen-body (func (param i32)))
  (type $gen-body-cont (cont $gen-body))

  ;; A task is resumed with the task that came before it, or null the first time.
  (rec
    (type $task (func (param (ref null $task-cont))))
    (type $task-cont (cont $task)))
  ;; What a task starts with: its letter, the generator it draws from, how many values it wants.
  (type $task-body (func (param i32 (ref null $gen-cont) i32 (ref null $task-cont))))
  (type $task-body-cont (cont $task-body))

  (tag $turn)                 ;; switch: the next task's turn
  (tag $value (param i32))    ;; suspend: a generator's next value

  ;; The run queue: a ring of tasks that are suspended.
  (table $queue 8 (ref null $task-cont))
  (global $head (mut i32) (i32.const 0))
  (global $tail (mut i32) (i32.const 0))

  (memory (export "memory") 1)
  (data (i32.const 64) "task ")
  (data (i32.const 72) " got ")
  (data (i32.const 80) " is done\n")
  (data (i32.const 96) "all tasks are done\n")

  ;; 1, factor, factor^2, ...: it never returns, whoever resumes it decides how far it goes.
  (func $powers (param $factor i32)
    (local $power i32)
    (local.set $power (i32.const 1))
    (loop $next
      (suspend $value (local.get $power))
      (local.set $power (i32.mul (local.get $power) (local.get $factor)))
      (br $next)))

  ;; Resumes a generator until it suspends: its value and the generator to resume next time.
  (func $draw (param $gen (ref null $gen-cont)) (result i32 (ref null $gen-cont))
    (block $suspended (result i32 (ref $gen-cont))
      (resume $gen-cont (on $value $suspended) (local.get $gen))
      (return (i32.const 0) (ref.null $gen-cont)))
    (return))

  (func $task (param $letter i32) (param $gen (ref null $gen-cont)) (param $count i32)
      (param $previous (ref null $task-cont))
    (local $value i32)
    (call $enqueue (local.get $previous))
    (loop $again
      (call $draw (local.get $gen))
      (local.set $gen)
      (local.set $value)
      (call $print-text (i32.const 64) (i32.const 5))
      (call $print-char (local.get $letter))
      (call $print-text (i32.const 72) (i32.const 5))
      (call $print-number (local.get $value))
      (call $print-char (i32.const 10))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (if (local.get $count)
        (then
          (call $yield)
          (br $again))))
    (call $print-text (i32.const 64) (i32.const 5))
    (call $print-char (local.get $letter))
    (call $print-text (i32.const 80) (i32.const 9)))

  ;; Gives the processor to the next task of the queue; the switch hands that one this task, to be queued.
  (func $yield
    (if (i32.ne (global.get $head) (global.get $tail))
      (then
        (call $enqueue (switch $task-cont $turn (call $dequeue))))))

  (func $enqueue (param $task (ref null $task-cont))
    (if (ref.is_null (local.get $task)) (then (return)))
    (table.set $queue (i32.and (global.get $tail) (i32.const 7)) (local.get $task))
    (global.set $tail (i32.add (global.get $tail) (i32.const 1))))

  (func $dequeue (result (ref null $task-cont))
    (table.get $queue (i32.and (global.get $head) (i32.const 7)))
    (global.set $head (i32.add (global.get $head) (i32.const 1))))

  (func $spawn (param $letter i32) (param $factor i32) (param $count i32)
    (call $enqueue
      (cont.bind $task-body-cont $task-cont
        (local.get $letter)
        (cont.bind $gen-body-cont $gen-cont (local.get $factor) (cont.new $gen-body-cont (ref.func $powers)))
        (local.get $count)
        (cont.new $task-body-cont (ref.func $task)))))

  (func (export "_start")
    (call $spawn (i32.const 65) (i32.const 2) (i32.const 5))
    (call $spawn (i32.const 66) (i32.const 3) (i32.const 3))
    (call $spawn (i32.const 67) (i32.const 10) (i32.const 4))
    ;; A task that ends comes back here, whoever was resumed first: the switches happen under this one handler.
    (loop $run
      (if (i32.ne (global.get $head) (global.get $tail))
        (then
          (resume $task-cont (on $turn switch) (ref.null $task-cont) (call $dequeue))
          (br $run))))
    (call $print-text (i32.const 96) (i32.const 19)))

  (func $print-text (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func $print-char (param $char i32)
    (i32.store8 (i32.const 16) (local.get $char))
    (call $print-text (i32.const 16) (i32.const 1)))

  ;; Digits from the last to the first, up to byte 32.
  (func $print-number (param $number i32)
    (local $at i32)
    (local.set $at (i32.const 32))
    (loop $digit
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $digit (local.get $number)))
    (call $print-text (local.get $at) (i32.sub (i32.const 32) (local.get $at))))

  (elem declare func $task $powers))
