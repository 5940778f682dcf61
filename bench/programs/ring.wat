;; `members` continuations in a ring, each switching to the next; n switches in all.
(module
  (rec
    (type $body (func (param (ref null $cont)) (result i64)))
    (type $cont (cont $body)))
  (type $first (func (param i32 (ref null $cont)) (result i64)))
  (type $fresh (cont $first))
  (tag $turn (result i64))
  (table $ring 0 (ref null $cont))
  (global $members (mut i32) (i32.const 0))
  (global $left (mut i32) (i32.const 0))
  (global $visits (mut i64) (i64.const 0))
  (elem declare func $member)
  (func $member (param $id i32) (param $from (ref null $cont)) (result i64)
    (local $before i32)
    (local $after i32)
    (local.set $before
      (i32.sub (select (global.get $members) (local.get $id) (i32.eqz (local.get $id))) (i32.const 1)))
    (local.set $after (i32.rem_u (i32.add (local.get $id) (i32.const 1)) (global.get $members)))
    (loop $again
      ;; The very first member is resumed, not switched to, and nobody stands before it.
      (if (i32.eqz (ref.is_null (local.get $from)))
        (then (table.set $ring (local.get $before) (local.get $from))))
      (global.set $visits (i64.add (global.get $visits) (i64.extend_i32_u (local.get $id))))
      (if (i32.eqz (global.get $left)) (then (return (global.get $visits))))
      (global.set $left (i32.sub (global.get $left) (i32.const 1)))
      (local.set $from (switch $cont $turn (table.get $ring (local.get $after))))
      (br $again))
    (unreachable))
  ;; The sum of the members' numbers over all visits.
  (func (export "run") (param $n i32) (param $members i32) (result i64)
    (local $at i32)
    (if (i32.lt_u (table.size $ring) (local.get $members))
      (then (drop (table.grow $ring (ref.null $cont) (i32.sub (local.get $members) (table.size $ring))))))
    (global.set $members (local.get $members))
    (global.set $left (local.get $n))
    (global.set $visits (i64.const 0))
    (loop $create
      (table.set $ring (local.get $at)
        (cont.bind $fresh $cont (local.get $at) (cont.new $fresh (ref.func $member))))
      (br_if $create
        (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 1))) (local.get $members))))
    (resume $cont (on $turn switch) (ref.null $cont) (table.get $ring (i32.const 0)))))
