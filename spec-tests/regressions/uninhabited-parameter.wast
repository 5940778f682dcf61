;; A function with a parameter of a type that has no value can never have been called, but what re-enters it must be valid.

(module
  (global $again (mut i32) (i32.const 0))
  (func $none (export "none") (param $p (ref none)) (result i32)
    (loop $l (br_if $l (global.get $again)))
    (drop (local.get $p))
    (i32.const 1))
  (func (export "nofunc") (param (ref nofunc))
    (loop $l (br_if $l (global.get $again))))
  (func (export "noextern") (param (ref noextern) i64)
    (loop $l (br_if $l (global.get $again))))
  (func (export "noexn") (param (ref noexn))
    (loop $l (br_if $l (global.get $again))))
  (func (export "never") (result i32)
    (call $none (ref.as_non_null (ref.null none)))))

(assert_trap (invoke "never") "null reference")

(module
  (type $ft (func))
  (type $ct (cont $ft))
  (global $again (mut i32) (i32.const 0))
  (tag $t)
  (func (export "nocont") (param (ref nocont)) (result i32)
    (loop $l (br_if $l (global.get $again)))
    (suspend $t)
    (i32.const 1)))
