import { describe } from 'vitest';
import { cases } from './wat.test-data.ts';

describe('bodies', () => {
  const inFunc = (body: string) => `(memory 1) (memory $m i64 1) (table $t 1 funcref) (table $x 1 externref)
    (type $v (func)) (type $vi (func (result i32)))
    (global $g i32 (i32.const 0)) (global $mut (mut i32) (i32.const 0)) (tag $e (param i32)) (elem $funcs func) (func ${body})`;
  cases(
    [
      [
        'operands have the types required',
        '(drop (i32.eqz (i32.const 0)))',
        '(drop (i32.eqz (i64.const 0)))',
        'type mismatch: instruction requires [i32] but stack has [i64]',
      ],
      [
        'operands are there',
        '(drop (i32.add (i32.const 0) (i32.const 0)))',
        '(drop (i32.add (i32.const 0)))',
        'type mismatch: instruction requires [i32 i32] but stack has [i32]',
      ],
      [
        'operands of an outer block are out of reach',
        '(i32.const 0) (block (param i32) drop)',
        '(i32.const 0) (block drop)',
        'type mismatch',
      ],
      [
        'blocks leave nothing but their results',
        '(block)',
        '(block (i32.const 0))',
        'type mismatch: block requires [] but stack has [i32]',
      ],
      [
        'bodies leave their results',
        '(result i32) (i32.const 0)',
        '(result i32)',
        'type mismatch: block requires [i32] but stack has []',
      ],
      [
        'an if without else passes its parameters on',
        '(result i32) (i32.const 0) (if (param i32) (result i32) (i32.const 1) (then))',
        '(result i64) (i32.const 0) (if (param i32) (result i64) (i32.const 1) (then drop i64.const 0))',
        'type mismatch',
      ],
      [
        'unreachable code is still typed',
        '(drop (i32.eqz (unreachable)))',
        'unreachable i64.const 0 i32.eqz drop',
        'type mismatch',
      ],
      ['labels exist', '(br 0)', '(br 1)', 'unknown label 1'],
      [
        'a loop’s label takes its parameters',
        'i32.const 0 loop (param i32) br 0 end',
        'i32.const 0 loop (param i32) drop br 0 end',
        'type mismatch',
      ],
      [
        'branches on references carry what the label takes',
        '(param funcref) (drop (block (result (ref func)) (br_on_non_null 0 (local.get 0)) unreachable))',
        '(param externref) (drop (block (result (ref func)) (br_on_non_null 0 (local.get 0)) unreachable))',
        'type mismatch',
      ],
      [
        'branches on references carry a reference',
        '(param funcref) (drop (block (result (ref func)) (br_on_non_null 0 (local.get 0)) unreachable))',
        '(param funcref) (block (br_on_non_null 0 (local.get 0)) unreachable)',
        'type mismatch',
      ],
      [
        'shuffles choose from 32 lanes',
        '(drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 31 (v128.const i64x2 0 0) (v128.const i64x2 0 0)))',
        '(drop (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 32 (v128.const i64x2 0 0) (v128.const i64x2 0 0)))',
        'invalid lane index',
      ],
      [
        'only exported functions are declared by exports',
        '(export "f") (drop (ref.func 0))',
        '(drop (ref.func 0)) ) (export "m" (memory 0)) (func',
        'undeclared function reference 0',
      ],
      [
        'copies to wider addresses count in i32, too',
        '(memory.copy $m 0 (i64.const 0) (i32.const 0) (i32.const 0))',
        '(memory.copy $m 0 (i64.const 0) (i32.const 0) (i64.const 0))',
        'type mismatch',
      ],
      [
        'casts go down the hierarchy',
        '(param anyref) (drop (block (result eqref) (br_on_cast 0 anyref eqref (local.get 0)) unreachable))',
        '(param eqref) (drop (block (result anyref) (br_on_cast 0 eqref anyref (local.get 0)) unreachable))',
        'type mismatch on cast',
      ],
      [
        'unknown references are references',
        '(local externref) unreachable ref.as_non_null local.set 0',
        '(local i32) unreachable ref.as_non_null local.set 0',
        'type mismatch',
      ],
      [
        'tables are filled from segments of their type',
        '(table.init $t $funcs (i32.const 0) (i32.const 0) (i32.const 0))',
        '(table.init $x $funcs (i32.const 0) (i32.const 0) (i32.const 0))',
        'type mismatch',
      ],
      [
        'tables are copied to tables of their type',
        '(table.copy $t $t (i32.const 0) (i32.const 0) (i32.const 0))',
        '(table.copy $t $x (i32.const 0) (i32.const 0) (i32.const 0))',
        'type mismatch',
      ],
      [
        'conversions take references of the other kind',
        '(param externref) (drop (any.convert_extern (local.get 0)))',
        '(param anyref) (drop (any.convert_extern (local.get 0)))',
        'type mismatch',
      ],
      [
        'labels of a br_table have one arity',
        '(block (block (br_table 0 1 (i32.const 0))))',
        '(block (result i32) (block (br_table 1 0 (i32.const 0) (i32.const 0))) (i32.const 0)) drop',
        'type mismatch',
      ],
      ['locals exist', '(local i32) (drop (local.get 0))', '(local i32) (drop (local.get 1))', 'unknown local 1'],
      [
        'locals without a default are set first',
        '(local (ref func)) (local.set 0 (unreachable)) (drop (local.get 0))',
        '(local (ref func)) (drop (local.get 0))',
        'uninitialized local 0',
      ],
      [
        'a local set in a block is unset after it',
        '(local (ref func)) (block (local.set 0 (unreachable)) (drop (local.get 0)))',
        '(local (ref func)) (block (local.set 0 (unreachable))) (drop (local.get 0))',
        'uninitialized local 0',
      ],
      [
        'a local set in one arm is unset in the other',
        '(local (ref func)) (if (i32.const 0) (then (local.set 0 (unreachable)) (drop (local.get 0))))',
        '(local (ref func)) (if (i32.const 0) (then (local.set 0 (unreachable))) (else (drop (local.get 0))))',
        'uninitialized local 0',
      ],
      ['types of locals exist', '(local (ref null 0))', '(local (ref null 9))', 'unknown type 9'],
      [
        'globals that are set are mutable',
        '(global.set $mut (i32.const 0))',
        '(global.set $g (i32.const 0))',
        'immutable global',
      ],
      [
        'untyped select takes numbers',
        '(drop (select (i32.const 0) (i32.const 0) (i32.const 0)))',
        '(drop (select (ref.null func) (ref.null func) (i32.const 0)))',
        'type mismatch',
      ],
      [
        'untyped select takes operands of one type',
        '(drop (select (i64.const 0) (i64.const 0) (i32.const 0)))',
        '(drop (select (i64.const 0) (f64.const 0) (i32.const 0)))',
        'type mismatch',
      ],
      [
        'typed select gives one result',
        '(drop (select (result i32) (i32.const 0) (i32.const 0) (i32.const 0)))',
        'unreachable (select (result i32 i32)) drop drop',
        'invalid result arity',
      ],
      [
        'memory accesses use the memory’s address type',
        '(drop (i32.load $m (i64.const 0)))',
        '(drop (i32.load $m (i32.const 0)))',
        'type mismatch',
      ],
      [
        'copies between address types count in i32',
        '(memory.copy 0 $m (i32.const 0) (i64.const 0) (i32.const 0))',
        '(memory.copy 0 $m (i32.const 0) (i64.const 0) (i64.const 0))',
        'type mismatch',
      ],
      [
        'alignment is natural at most',
        '(drop (i32.load align=4 (i32.const 0)))',
        '(drop (i32.load align=8 (i32.const 0)))',
        'alignment must not be larger than natural',
      ],
      [
        'alignment of atomics is exactly natural',
        '(drop (i32.atomic.load align=4 (i32.const 0)))',
        '(drop (i32.atomic.load align=1 (i32.const 0)))',
        'atomic alignment must be natural',
      ],
      [
        'offsets fit the memory',
        '(drop (i32.load $m offset=0x100000000 (i64.const 0)))',
        '(drop (i32.load offset=0x100000000 (i32.const 0)))',
        'offset out of range',
      ],
      ['memories exist', '(drop (memory.size 1))', '(drop (memory.size 2))', 'unknown memory 2'],
      [
        'lanes exist',
        '(drop (i64x2.extract_lane 1 (v128.const i64x2 0 0)))',
        '(drop (i64x2.extract_lane 2 (v128.const i64x2 0 0)))',
        'invalid lane index',
      ],
      [
        'lanes of memory accesses exist',
        '(drop (v128.load32_lane 3 (i32.const 0) (v128.const i64x2 0 0)))',
        '(drop (v128.load32_lane 4 (i32.const 0) (v128.const i64x2 0 0)))',
        'invalid lane index',
      ],
      [
        'indirect calls use tables of functions',
        '(call_indirect $t (type $v) (i32.const 0))',
        '(call_indirect $x (type $v) (i32.const 0))',
        'type mismatch: instruction requires table of function type but table has element type [(ref null extern)]',
      ],
      [
        'catch handlers take the payload',
        '(drop (block (result i32) (try_table (catch $e 0)) (i32.const 0)))',
        '(drop (block (result i64) (try_table (catch $e 0)) (i64.const 0)))',
        'type mismatch',
      ],
      [
        'functions that are referred to are declared',
        '(export "f") (drop (ref.func 0))',
        '(drop (ref.func 0))',
        'undeclared function reference 0',
      ],
      [
        'tail calls give the caller’s results',
        '(result i32) (return_call_indirect $t (type $vi) (i32.const 0))',
        '(result i32) (return_call_indirect $t (type $v) (i32.const 0))',
        'type mismatch: current function requires result type [i32]',
      ],
    ],
    inFunc,
  );
});

describe('legacy exceptions', () => {
  const inFunc = (body: string) => `(tag $e (param i32)) (tag $t (result i32)) (func ${body})`;
  cases(
    [
      ['catch pushes the payload', 'try catch $e drop end', 'try catch $e end', 'type mismatch'],
      [
        'all arms give the results',
        '(result i64) try (result i64) i64.const 0 catch_all i64.const 1 end',
        '(result i64) try (result i64) i64.const 0 catch_all end',
        'type mismatch',
      ],
      ['catch takes an exception tag', 'try catch $e drop end', 'try catch $t end', 'non-empty tag result type'],
      [
        'rethrow names a handler',
        'try catch_all rethrow 0 end',
        'try rethrow 0 catch_all end',
        'invalid rethrow label',
      ],
      ['delegate names an enclosing label', 'block try delegate 0 end', 'block try delegate 2 end', 'unknown label 2'],
      [
        'delegate gives the results',
        '(result i32) try (result i32) i32.const 0 delegate 0',
        '(result i32) try (result i32) delegate 0',
        'type mismatch',
      ],
    ],
    inFunc,
  );
});
