;; The instructions of fiber-switching.c. Continuations are kept in a table; a free slot holds none, and the free slots are a list.
(module
  (type $start (func (param i32 i32 i32) (result i32)))
  (type $body (func (param i32) (result i32)))
  (type $fresh (cont $start))
  (type $stack (cont $body))
  (rec
    (type $symmetric-body (func (param i32 (ref null $symmetric)) (result i32)))
    (type $symmetric (cont $symmetric-body)))
  (type $symmetric-start (func (param i32 i32 i32 (ref null $symmetric)) (result i32)))
  (type $symmetric-fresh (cont $symmetric-start))

  (import "fiber" "fiber_start" (func $fiber_start (param i32 i32) (result i32)))
  (import "fiber" "__stack_pointer" (global $sp (mut i32)))

  (tag $yield (param i32) (result i32))
  (tag $switch (result i32))
  (tag $cancelled)

  (table $stacks 0 (ref null $stack))
  (table $symmetrics 0 (ref null $symmetric))
  (table $free 0 (ref null i31))
  (global $size (mut i32) (i32.const 0))
  (global $first (mut i32) (i32.const -1))
  ;; Who has switched last.
  (global $from (mut i32) (i32.const 0))

  (elem declare func $run $run-symmetric)

  (func (export "reserve") (result i32)
    (local $slot i32)
    (local.set $slot (global.get $first))
    (if (i32.ge_s (local.get $slot) (i32.const 0))
      (then
        (global.set $first (i31.get_s (table.get $free (local.get $slot))))
        (return (local.get $slot))))
    (local.set $slot (global.get $size))
    (if (i32.eq (local.get $slot) (table.size $free))
      (then
        (drop (table.grow $free (ref.null i31) (i32.add (local.get $slot) (i32.const 64))))
        (drop (table.grow $stacks (ref.null $stack) (i32.add (local.get $slot) (i32.const 64))))
        (drop (table.grow $symmetrics (ref.null $symmetric) (i32.add (local.get $slot) (i32.const 64))))))
    (global.set $size (i32.add (local.get $slot) (i32.const 1)))
    (local.get $slot))

  (func (export "release") (param $slot i32)
    (table.set $free (local.get $slot) (ref.i31 (global.get $first)))
    (global.set $first (local.get $slot)))

  (func $run (type $start) (param $fiber i32) (param $top i32) (param $value i32) (result i32)
    (global.set $sp (local.get $top))
    (call $fiber_start (local.get $fiber) (local.get $value)))

  (func (export "create") (param $slot i32) (param $fiber i32) (param $top i32)
    (table.set $stacks (local.get $slot)
      (cont.bind $fresh $stack (local.get $fiber) (local.get $top) (cont.new $fresh (ref.func $run)))))

  (func (export "resume") (param $slot i32) (param $value i32) (result i32)
    (local $outer i32)
    (local $suspended (ref null $stack))
    (local.set $outer (global.get $sp))
    (block $yielded (result i32 (ref $stack))
      (local.set $value
        (resume $stack (on $yield $yielded) (local.get $value) (table.get $stacks (local.get $slot))))
      (global.set $sp (local.get $outer))
      (return (local.get $value)))
    (local.set $suspended)
    (local.set $value)
    (table.set $stacks (local.get $slot) (local.get $suspended))
    (global.set $sp (local.get $outer))
    (local.get $value))

  (func (export "yield") (param $value i32) (result i32)
    (local $own i32)
    (local.set $own (global.get $sp))
    (local.set $value (suspend $yield (local.get $value)))
    (global.set $sp (local.get $own))
    (local.get $value))

  (func (export "cancel") (param $slot i32)
    (local $outer i32)
    (local.set $outer (global.get $sp))
    (block $ended
      (try_table (catch $cancelled $ended)
        (drop (resume_throw $stack $cancelled (table.get $stacks (local.get $slot))))))
    (global.set $sp (local.get $outer)))

  (func $run-symmetric (type $symmetric-start)
    (param $fiber i32) (param $top i32) (param $value i32) (param $last (ref null $symmetric)) (result i32)
    (if (i32.eqz (ref.is_null (local.get $last)))
      (then (table.set $symmetrics (global.get $from) (local.get $last))))
    (global.set $sp (local.get $top))
    (call $fiber_start (local.get $fiber) (local.get $value)))

  (func (export "create_symmetric") (param $slot i32) (param $fiber i32) (param $top i32)
    (table.set $symmetrics (local.get $slot)
      (cont.bind $symmetric-fresh $symmetric (local.get $fiber) (local.get $top)
        (cont.new $symmetric-fresh (ref.func $run-symmetric)))))

  (func (export "begin") (param $slot i32) (param $value i32) (result i32)
    (local $outer i32)
    (local.set $outer (global.get $sp))
    (local.set $value
      (resume $symmetric (on $switch switch) (local.get $value) (ref.null $symmetric)
        (table.get $symmetrics (local.get $slot))))
    (global.set $sp (local.get $outer))
    (local.get $value))

  (func (export "switch") (param $self i32) (param $to i32) (param $value i32) (result i32)
    (local $own i32)
    (local $last (ref null $symmetric))
    (local.set $own (global.get $sp))
    (global.set $from (local.get $self))
    (switch $symmetric $switch (local.get $value) (table.get $symmetrics (local.get $to)))
    (local.set $last)
    (local.set $value)
    ;; Null where this was not switched to, but begun with.
    (if (i32.eqz (ref.is_null (local.get $last)))
      (then (table.set $symmetrics (global.get $from) (local.get $last))))
    (global.set $sp (local.get $own))
    (local.get $value))

  (func (export "cancel_symmetric") (param $slot i32)
    (local $outer i32)
    (local.set $outer (global.get $sp))
    (block $ended
      (try_table (catch $cancelled $ended)
        (drop
          (resume_throw $symmetric $cancelled (on $switch switch) (table.get $symmetrics (local.get $slot))))))
    (global.set $sp (local.get $outer))))
