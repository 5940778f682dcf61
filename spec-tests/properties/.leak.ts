import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { transform, type Linking } from '../../asyncify/index.ts';
import { Store } from '../../continuations/index.ts';
const [linking] = process.argv.slice(2) as [Linking];
const text = `(module
  (type $f (func (param externref))) (type $k (cont $f)) (type $g (func)) (type $kg (cont $g))
  (type $r (func (result externref))) (type $kr (cont $r))
  (type $h (func (param externref externref))) (type $kh (cont $h))
  (tag $t) (tag $p (param externref) (result externref)) (tag $e (param externref))
  (type $pk (func (param externref))) (type $ck (cont $pk))
  (import "h" "obj" (func $obj (result externref)))
  (import "h" "use" (func $use (param externref)))
  (import "h" "bad" (func $bad (param externref)))
  (global $keep (mut (ref null $kg)) (ref.null $kg))
  (global $keepk (mut (ref null $k)) (ref.null $k))
  (global $keepc (mut (ref null $ck)) (ref.null $ck))
  (table $ks 4 (ref null $kg))
  (func $local (param $x externref) (suspend $t) (call $use (local.get $x)))
  (func $operand (param $x externref) (call $obj) (suspend $t) (call $use))
  (func $two (param $x externref) (param $y externref) (suspend $t) (call $use (local.get $x)) (call $use (local.get $y)))
  (func $payload (param $x externref) (drop (suspend $p (call $obj))))
  (func $result (param $x externref) (call $use (suspend $p (ref.null extern))))
  (func $returns (result externref) (call $obj))
  (func $throws (param $x externref) (throw $e (call $obj)))
  (func $noop (param externref))
  (elem declare func $local $operand $two $payload $result $returns $throws $noop $nest $spin)
  ;; abandoned with a live local
  (func $start (param $c (ref $k)) (param $x externref) (result (ref null $kg))
    (block $on (result (ref $kg)) (resume $k (on $t $on) (local.get $x) (local.get $c)) (return (ref.null $kg))))
  (func (export "local") (drop (call $start (cont.new $k (ref.func $local)) (call $obj))))
  (func (export "operand") (drop (call $start (cont.new $k (ref.func $operand)) (ref.null extern))))
  (func (export "bound") (drop (cont.bind $kh $k (call $obj) (cont.new $kh (ref.func $two)))))
  (func (export "bound-suspended") (local $c (ref null $kg))
    (drop (call $start (cont.bind $kh $k (call $obj) (cont.new $kh (ref.func $two))) (call $obj))))
  (func (export "never-started") (drop (cont.bind $k $kg (call $obj) (cont.new $k (ref.func $local)))))
  ;; payload read and dropped; the continuation is kept: it must not hold the payload
  (func (export "payload")
    (block $on (result externref (ref $ck)) (resume $k (on $p $on) (ref.null extern) (cont.new $k (ref.func $payload))) (return))
    (global.set $keepc) (drop))
  (func (export "payload-result")
    (block $on (result externref (ref $ck)) (resume $k (on $p $on) (ref.null extern) (cont.new $k (ref.func $result))) (return))
    (global.set $keepc) (drop) (resume $ck (call $obj) (global.get $keepc)))
  (func (export "finished-kept") (local $c (ref null $k))
    (local.set $c (cont.new $k (ref.func $noop))) (global.set $keepk (local.get $c)) (resume $k (call $obj) (local.get $c)))
  (func (export "returns") (drop (resume $kr (cont.new $kr (ref.func $returns)))))
  (func (export "finished-local") (local $c (ref null $kg))
    (local.set $c (call $start (cont.new $k (ref.func $local)) (call $obj))) (global.set $keep (local.get $c)) (resume $kg (local.get $c)))
  (func (export "throws") (block $h (result externref) (try_table (catch $e $h) (resume $k (ref.null extern) (cont.new $k (ref.func $throws)))) (return)) (drop))
  (func (export "resume_throw") (block $h (result externref) (try_table (catch $e $h) (resume_throw $kg $e (call $obj) (call $start (cont.new $k (ref.func $local)) (call $obj)))) (return)) (drop))
  (func (export "unhandled") (resume $k (call $obj) (cont.new $k (ref.func $local))))
  (func (export "trap") (resume $k (call $obj) (cont.new $k (ref.func $traps))))
  (func $traps (param $x externref) (unreachable))
  (elem declare func $traps)
  (func (export "unhandled-payload") (resume $k (call $obj) (cont.new $k (ref.func $payload))))
  ;; a dead inner stack kept, its parent had a live local
  (func $nest (param $x externref) (call $inner) (suspend $t) (call $use (local.get $x)))
  (func $inner (local $c (ref null $kg)) (global.set $keepk (cont.new $k (ref.func $local)))
     (block $on (result (ref $kg)) (resume $k (on $t $on) (ref.null extern) (global.get $keepk)) (return))
     (local.tee $c) (global.set $keep) (resume $kg (local.get $c)))
  (func (export "nest") (drop (call $start (cont.new $k (ref.func $nest)) (call $obj))))
  ;; caught in the middle: inner suspended through, whole chain abandoned but the inner object kept (consumed)
  (func $spin (param $x externref) (resume $k (local.get $x) (global.get $keepk)) (call $use (local.get $x)))
  (func (export "chain") (global.set $keepk (cont.new $k (ref.func $local))) (drop (call $start (cont.new $k (ref.func $spin)) (call $obj))))
  (func (export "host-throw") (resume $k (call $obj) (cont.new $k (ref.func $hosty))))
  (func $hosty (param $x externref) (call $bad (local.get $x)) (call $use (local.get $x)))
  (elem declare func $hosty)
  ;; switch payload
  (type $sf (func (param externref (ref null $sk)))) (type $sk0 (func)) )`.replace(/\(type \$sf[\s\S]*$/, ')');
const m = new WebAssembly.Module(transform(await parse(text), { linking }).bytes);
let live = 0; const reg = new FinalizationRegistry(() => { live--; });
const made = () => { live++; const o = { big: new Array(10) }; reg.register(o, 0); return o; };
let e: any;
const init = () => { e = new Store().instantiate(m, { h: { obj: made, use: () => {}, bad: () => { throw new Error('host'); } } }).exports; };
init();
const settle = async () => { for (let i = 0; i < 6; i++) { await new Promise((r) => setTimeout(r, 5)); globalThis.gc!(); } };
for (const name of Object.keys(e)) {
  init();
  live = 0; (() => { for (let i = 0; i < 50; i++) try { e[name](); } catch (x) { if (i === 0) console.log('  ', name, 'threw', (x as Error).message); } })();
  const before = live; await settle(); console.log(linking, name, 'made', before, 'left', live);
  // leftover objects must not disturb the next
  e = null; await settle(); if (live) console.log('   still', live);
}
