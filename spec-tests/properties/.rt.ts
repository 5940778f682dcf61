import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { transform, type Linking } from '../../asyncify/index.ts';
import { ExhaustionError, Store } from '../../continuations/index.ts';
const [what, linking, arg] = process.argv.slice(2) as [string, Linking, string];
const load = async (text: string, limit?: number) => { const m = new WebAssembly.Module(transform(await parse(text), { linking }).bytes); return new Store(limit ? { frameLimit: limit } : {}).instantiate(m).exports as any; };
const mem = () => Math.round(process.memoryUsage().rss / 1e6);
if (what === 'deep') {
  const e = await load(`(module (type $f (func (param i32) (result i64))) (type $k (cont $f)) (type $g (func (result i64))) (type $k2 (cont $g)) (tag $t)
    (func $rec (export "rec") (param $n i32) (result i64)
      (if (i32.eqz (local.get $n)) (then (return (i64.const 0))))
      (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 1000))) (then (suspend $t)))
      (i64.add (i64.extend_i32_u (local.get $n)) (call $rec (i32.sub (local.get $n) (i32.const 1)))))
    (elem declare func $rec)
    (func (export "run") (param i32) (result i64 i32) (local $k (ref null $k2)) (local $c i32)
      (block $first (result (ref $k2)) (return (resume $k (on $t $first) (local.get 0) (cont.new $k (ref.func $rec))) (local.get $c)))
      (local.set $k)
      (loop $l (local.set $c (i32.add (local.get $c) (i32.const 1)))
        (block $on (result (ref $k2)) (return (resume $k2 (on $t $on) (local.get $k)) (local.get $c)))
        (local.set $k) (br $l)) unreachable))`);
  for (let i = 0; i < 3; i++) { const t = performance.now(); const r = e.run(+arg); console.log('deep', linking, r, (performance.now() - t) | 0, 'ms rss', mem()); }
} else if (what === 'runaway') {
  const e = await load(`(module (type $f (func (param i32) (result i32))) (type $k (cont $f)) (type $g (func (result i32))) (type $k2 (cont $g)) (tag $t)
    (global $depth (export "depth") (mut i32) (i32.const 0))
    (func $rec (param $n i32) (result i32)
      (global.set $depth (local.get $n))
      (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 1000))) (then (suspend $t)))
      (i32.add (local.get $n) (call $rec (i32.add (local.get $n) (i32.const 1)))))
    (elem declare func $rec)
    (func (export "fine") (result i32) i32.const 7)
    (func (export "run") (result i32) (local $k (ref null $k2))
      (block $first (result (ref $k2)) (return (resume $k (on $t $first) (i32.const 1) (cont.new $k (ref.func $rec)))))
      (local.set $k)
      (loop $l (block $on (result (ref $k2)) (return (resume $k2 (on $t $on) (local.get $k)))) (local.set $k) (br $l)) unreachable))`, arg ? +arg : undefined);
  for (let i = 0; i < 3; i++) { const t = performance.now(); try { e.run(); console.log('returned?'); } catch (x: any) { console.log('runaway', linking, arg, x instanceof ExhaustionError, x.constructor.name, x.message, 'depth', e.depth.value, (performance.now() - t) | 0, 'ms rss', mem(), 'fine', e.fine()); } }
} else if (what === 'runaway-conts') {
  // recursion through nested resumes: chain of stacks, each with one frame
  const e = await load(`(module (type $f (func (param i32))) (type $k (cont $f)) (type $g (func)) (type $k2 (cont $g)) (tag $t)
    (global $depth (export "depth") (mut i32) (i32.const 0))
    (func $rec (param $n i32)
      (global.set $depth (local.get $n))
      (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 500))) (then (suspend $t)))
      (resume $k (i32.add (local.get $n) (i32.const 1)) (cont.new $k (ref.func $rec))))
    (elem declare func $rec)
    (func (export "run") (local $k (ref null $k2))
      (block $first (result (ref $k2)) (resume $k (on $t $first) (i32.const 1) (cont.new $k (ref.func $rec))) (return))
      (local.set $k)
      (loop $l (block $on (result (ref $k2)) (resume $k2 (on $t $on) (local.get $k)) (return)) (local.set $k) (br $l)) unreachable))`, arg ? +arg : undefined);
  const t = performance.now(); try { e.run(); console.log('returned?'); } catch (x: any) { console.log('runaway-conts', linking, arg, x instanceof ExhaustionError, x.constructor.name, x.message, 'depth', e.depth.value, (performance.now() - t) | 0, 'ms rss', mem()); }
}
