import { describe, expect, it } from 'vitest';
import { cases, check, rejection } from './wat.test-data.ts';

/** Types and tags that the cases share. */
const SETTING = `
  (type $f (func))                               (type $c (cont $f))
  (type $fi (func (param i32) (result i64)))     (type $ci (cont $fi))
  (type $f0 (func (result i64)))                 (type $c0 (cont $f0))
  (type $fii (func (param f32 i32) (result i64))) (type $cii (cont $fii))
  (rec (type $fs (func (param i32 (ref null $cs)) (result i64))) (type $cs (cont $fs)))
  (rec (type $fn (func (param f32 (ref $cn)))) (type $cn (cont $fn)))
  (type $fx (func (param i32)))                  (type $cx (cont $fx))
  (type $gs (func (param i32 i32) (result i64)))  (type $d (cont $gs))
  (type $sw (func (param f32 (ref $d)) (result i64))) (type $k (cont $sw))
  (type $sx (func (param (ref $d))))              (type $kx (cont $sx))
  (type $sy (func (param (ref $c)) (result i64))) (type $ky (cont $sy))
  (type $ff (func (result funcref)))              (type $cf (cont $ff))
  (tag $nullable (result funcref)) (tag $nonnull (result (ref func)))
  (type $nf (func (result (ref func))))           (type $cn0 (cont $nf))
  (tag $t (param f32) (result i32))
  (tag $e (param f32))
  (tag $s (result i64))
  (tag $none)`;
const inFunc = (body: string) => `${SETTING} (func ${body})`;

describe('cont.new', () => {
  cases(
    [
      [
        'takes a nullable function of the continuation’s type',
        '(param (ref null $fi)) (result (ref $ci)) (cont.new $ci (local.get 0))',
        '(param (ref null $f0)) (result (ref $ci)) (cont.new $ci (local.get 0))',
        'type mismatch',
      ],
      [
        'names a continuation type',
        '(param (ref $fi)) (drop (cont.new $ci (local.get 0)))',
        '(param (ref $fi)) (drop (cont.new $fi (local.get 0)))',
        'non-continuation type 2',
      ],
    ],
    inFunc,
  );
});

describe('cont.bind', () => {
  cases(
    [
      [
        'binds leading arguments',
        '(param (ref null $cii)) (result (ref $ci)) (cont.bind $cii $ci (f32.const 0) (local.get 0))',
        '(param (ref null $cii)) (result (ref $ci)) (cont.bind $cii $ci (i32.const 0) (local.get 0))',
        'type mismatch',
      ],
      [
        'leaves the trailing parameters',
        '(param (ref $cii)) (drop (cont.bind $cii $ci (f32.const 0) (local.get 0)))',
        '(param (ref $cii)) (drop (cont.bind $cii $c (f32.const 0) (i32.const 0) (local.get 0)))',
        'type mismatch in continuation types',
      ],
      [
        'cannot add parameters',
        '(param (ref $ci)) (drop (cont.bind $ci $ci (local.get 0)))',
        '(param (ref $c0)) (drop (cont.bind $c0 $ci (local.get 0)))',
        'type mismatch in continuation arguments',
      ],
      [
        'names a continuation type as its target',
        '(param (ref $ci)) (drop (cont.bind $ci $ci (local.get 0)))',
        '(param (ref $ci)) (drop (cont.bind $ci $fi (local.get 0)))',
        'non-continuation type 2',
      ],
    ],
    inFunc,
  );
});

describe('suspend', () => {
  cases(
    [
      [
        'gives the tag’s results for its parameters',
        '(result i32) (suspend $t (f32.const 0))',
        '(result i32) (suspend $t (i32.const 0))',
        'type mismatch',
      ],
      ['names a tag', '(suspend $none)', '(suspend 9)', 'unknown tag 9'],
    ],
    inFunc,
  );
});

describe('resume', () => {
  const handled = (label: string, clause = '(on $t $l)') =>
    `(param (ref $ci)) (result i64)
     (block $l (result ${label}) (return (resume $ci ${clause} (i32.const 0) (local.get 0))))
     unreachable`;
  cases(
    [
      [
        'takes the arguments and a nullable continuation',
        '(param (ref null $ci)) (result i64) (resume $ci (i32.const 0) (local.get 0))',
        '(param (ref null $ci)) (result i64) (resume $ci (i64.const 0) (local.get 0))',
        'type mismatch',
      ],
      ['hands the tag’s parameters to the label', handled('f32 (ref $ci)'), handled('f64 (ref $ci)'), 'type mismatch'],
      [
        'hands over a continuation that takes the tag’s results',
        handled('f32 (ref null $ci)'),
        handled('f32 (ref $c0)'),
        'type mismatch in continuation type',
      ],
      [
        'hands over a continuation that gives the results of the resume',
        handled('f32 (ref $ci)'),
        handled('f32 (ref $cx)'),
        'type mismatch in continuation type',
      ],
      [
        'needs a concrete continuation type at the label',
        handled('f32 (ref $ci)'),
        handled('f32 (ref cont)'),
        'type mismatch: instruction requires concrete continuation reference type but label has [f32 (ref cont)]',
      ],
      [
        'needs a continuation type at the label',
        handled('f32 (ref $ci)'),
        handled('f32 (ref $fi)'),
        'non-continuation type 2',
      ],
      ['names a tag in handlers', handled('f32 (ref $ci)'), handled('f32 (ref $ci)', '(on 9 $l)'), 'unknown tag 9'],
      ['names a label in handlers', handled('f32 (ref $ci)'), handled('f32 (ref $ci)', '(on $t 7)'), 'unknown label 7'],
      [
        'handles switches to tags without parameters',
        '(param (ref $c0)) (result i64) (resume $c0 (on $s switch) (local.get 0))',
        '(param (ref $c)) (resume $c (on $e switch) (local.get 0))',
        'type mismatch in switch tag',
      ],
      [
        'handles switches to tags whose results are not wider',
        '(param (ref $cn0)) (drop (resume $cn0 (on $nonnull switch) (local.get 0)))',
        '(param (ref $cn0)) (drop (resume $cn0 (on $nullable switch) (local.get 0)))',
        'type mismatch in switch tag',
      ],
      [
        'handles switches to tags whose results are not narrower',
        '(param (ref $cf)) (drop (resume $cf (on $nullable switch) (local.get 0)))',
        '(param (ref $cf)) (drop (resume $cf (on $nonnull switch) (local.get 0)))',
        'type mismatch in switch tag',
      ],
      [
        'handles switches to tags with its results',
        '(param (ref $c)) (resume $c (on $none switch) (local.get 0))',
        '(param (ref $c)) (resume $c (on $s switch) (local.get 0))',
        'type mismatch in switch tag',
      ],
    ],
    inFunc,
  );
});

describe('resume_throw', () => {
  cases(
    [
      [
        'takes the exception’s payload',
        '(param (ref $ci)) (result i64) (resume_throw $ci $e (f32.const 0) (local.get 0))',
        '(param (ref $ci)) (result i64) (resume_throw $ci $e (i32.const 0) (local.get 0))',
        'type mismatch',
      ],
      [
        'takes an exception tag, which has no results',
        '(param (ref $ci)) (result i64) (resume_throw $ci $e (f32.const 0) (local.get 0))',
        '(param (ref $ci)) (result i64) (resume_throw $ci $t (f32.const 0) (local.get 0))',
        'non-empty tag result type',
      ],
      [
        'checks its handlers',
        '(param (ref $c0)) (result i64) (resume_throw $c0 $none (on $s switch) (local.get 0))',
        '(param (ref $c0)) (result i64) (resume_throw $c0 $none (on $none switch) (local.get 0))',
        'type mismatch in switch tag',
      ],
    ],
    inFunc,
  );
});

describe('resume_throw_ref', () => {
  cases(
    [
      [
        'takes the exception below the continuation',
        '(param exnref (ref $ci)) (result i64) (resume_throw_ref $ci (local.get 0) (local.get 1))',
        '(param exnref (ref $ci)) (result i64) (resume_throw_ref $ci (local.get 1) (local.get 0))',
        'type mismatch',
      ],
      [
        'names a continuation type',
        '(param exnref (ref $ci)) (drop (resume_throw_ref $ci (local.get 0) (local.get 1)))',
        '(param exnref (ref $ci)) (drop (resume_throw_ref $fi (local.get 0) (local.get 1)))',
        'non-continuation type 2',
      ],
    ],
    inFunc,
  );
});

describe('switch', () => {
  cases(
    [
      [
        'takes all parameters but the captured continuation',
        '(param (ref null $cs)) (result i32 (ref null $cs)) (switch $cs $s (i32.const 0) (local.get 0))',
        '(param (ref null $cs)) (result i32 (ref null $cs)) (switch $cs $s (i64.const 0) (local.get 0))',
        'type mismatch',
      ],
      [
        'gives the parameters of the captured continuation',
        '(param (ref null $cs)) (result i32 (ref null $cs)) (switch $cs $s (i32.const 0) (local.get 0))',
        '(param (ref null $cs)) (result i64 (ref null $cs)) (switch $cs $s (i32.const 0) (local.get 0))',
        'type mismatch',
      ],
      [
        'gives the parameters of a captured continuation of another type',
        '(param (ref $k)) (result i32 i32) (switch $k $s (f32.const 0) (local.get 0))',
        '(param (ref $k)) (result f32 (ref $d)) (switch $k $s (f32.const 0) (local.get 0))',
        'type mismatch',
      ],
      [
        'needs a tag that the target’s results match',
        '(param (ref $k)) (switch $k $s (f32.const 0) (local.get 0)) unreachable',
        '(param (ref $kx)) (switch $kx $s (local.get 0)) unreachable',
        'type mismatch in continuation types',
      ],
      [
        'needs a tag that matches the results of the captured continuation',
        '(param (ref $k)) (switch $k $s (f32.const 0) (local.get 0)) unreachable',
        '(param (ref $ky)) (switch $ky $s (local.get 0)) unreachable',
        'type mismatch in continuation types',
      ],
      [
        'needs a continuation as the last parameter',
        '(param (ref $cn)) (switch $cn $none (f32.const 0) (local.get 0)) unreachable',
        '(param (ref $ci)) (switch $ci $none (local.get 0)) unreachable',
        'type mismatch: instruction requires concrete continuation reference type but the type annotation has [i32]',
      ],
      [
        'needs a tag with the continuation’s results',
        '(param (ref $cs)) (switch $cs $s (i32.const 0) (local.get 0)) unreachable',
        '(param (ref $cs)) (switch $cs $none (i32.const 0) (local.get 0)) unreachable',
        'type mismatch in continuation types',
      ],
      [
        'needs a tag without parameters',
        '(param (ref $cn)) (switch $cn $none (f32.const 0) (local.get 0)) unreachable',
        '(param (ref $cn)) (switch $cn $e (f32.const 0) (local.get 0)) unreachable',
        'type mismatch in switch tag',
      ],
    ],
    inFunc,
  );
});

describe('exceptions and suspensions', () => {
  cases(
    [
      [
        'throw takes an exception tag',
        '(throw $e (f32.const 0))',
        '(throw $t (f32.const 0))',
        'non-empty tag result type',
      ],
      [
        'catch takes an exception tag',
        '(drop (block (result f32) (try_table (catch $e 0)) (f32.const 0)))',
        '(drop (block (result f32) (try_table (catch $t 0)) (f32.const 0)))',
        'non-empty tag result type',
      ],
    ],
    inFunc,
  );
});

describe('the cont hierarchy', () => {
  cases(
    [
      [
        'a continuation type is a cont',
        '(param (ref $ci)) (result (ref cont)) (local.get 0)',
        '(param (ref $fi)) (result (ref cont)) (local.get 0)',
        'type mismatch',
      ],
      [
        'nocont matches every continuation type',
        '(param (ref nocont)) (result (ref $ci)) (local.get 0)',
        '(param (ref nocont)) (result (ref $fi)) (local.get 0)',
        'type mismatch',
      ],
      [
        'cont is no any',
        '(param (ref cont)) (drop (local.get 0))',
        '(param (ref cont)) (result anyref) (local.get 0)',
        'type mismatch',
      ],
      [
        'continuations have no identity',
        '(param i31ref) (drop (ref.eq (local.get 0) (local.get 0)))',
        '(param (ref $ci)) (drop (ref.eq (local.get 0) (local.get 0)))',
        'type mismatch',
      ],
      [
        'continuations cannot be tested',
        '(param funcref) (drop (ref.test (ref $fi) (local.get 0)))',
        '(param contref) (drop (ref.test (ref $ci) (local.get 0)))',
        'invalid cast',
      ],
      [
        'continuations cannot be cast',
        '(param funcref) (drop (ref.cast (ref $fi) (local.get 0)))',
        '(param contref) (drop (ref.cast (ref $ci) (local.get 0)))',
        'invalid cast',
      ],
      [
        'continuations cannot be branched on',
        '(param funcref) (drop (block (result funcref) (br_on_cast 0 funcref (ref $fi) (local.get 0))))',
        '(param contref) (drop (block (result contref) (br_on_cast 0 contref (ref $ci) (local.get 0))))',
        'invalid cast',
      ],
    ],
    inFunc,
  );

  it('holds continuation types over function types only', async () => {
    await expect(check('(type (func)) (type (cont 0))')).resolves.toBeDefined();
    expect((await rejection('(type (struct)) (type (cont 0))')).message).toMatch(/^non-function type 0/);
  });

  it('is covariant in declared function subtypes', async () => {
    const types = (parent: string) => `
      (type $f (sub (func (result funcref)))) (type $g (sub ${parent} (func (result nullfuncref))))
      (type $c (sub (cont $f))) (type $d (sub $c (cont $g)))`;
    const info = await check(types('$f'));
    expect(info.isSubType(3 as never, 2 as never)).toBe(true);
    expect(info.isSubType(2 as never, 3 as never)).toBe(false);
    expect((await rejection(types(''))).message).toMatch(/^sub type 3 does not match super type 2/);
  });
});
