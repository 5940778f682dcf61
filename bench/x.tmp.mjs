import fs from 'node:fs';
import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { Store } from '/work/main/continuations/index.ts';
const base = fs.readFileSync('/tmp/gen.closed.wat','utf8');
const must = (s,a,b) => { if(!s.includes(a)) throw new Error('no '+a); return s.replace(a,b) };
const v = { base };
// 1: no frame-limit check
v.nolimit = must(base, `      local.get 4
      struct.get 4 5
      global.get 0
      i32.gt_u
      if ;; label = @2
        i32.const 5
        call 0
        unreachable
      end
`, '');
// 2: direct set of in-place: skip clearing parents/handlers on suspend
v.noclear = must(must(base, `      local.get 5
      ref.null 4
      struct.set 4 1
`, ''), `      local.get 5
      ref.null 2
      struct.set 4 2
      local.get 5
      local.get 3
      ref.eq`, `      local.get 5
      local.get 3
      ref.eq`);
// 3: don't clear tail on each suspension
v.notail = must(base, `      local.get 4
      ref.null 3
      struct.set 4 4
`, '');
// 4: ref.cast -> nothing possible; use unchecked? compare cost by br_on_cast absent. 
v.nolast = must(base, `      local.get 6
        ref.null 4
        struct.set 4 3
`.replace('      local.get 6','        local.get 6'), '');
// 5: no one-shot consumption (unsound; price of clearing the object)
v.noconsume = must(base, `    local.get 0
    ref.null 4
    struct.set 5 0
`, '');
// 6: reenter flag replaced: frame passed by current.head test
v.all = ['nolimit'].length && (()=>{ let s=base; for (const [a,b] of Object.entries({})) s=s; return s })();
s6: { let s = v.noclear; s = must(s, `      local.get 4
      ref.null 3
      struct.set 4 4
`, ''); s = must(s, `        local.get 6
        ref.null 4
        struct.set 4 3
`, ''); s = must(s, `    local.get 0
    ref.null 4
    struct.set 5 0
`, ''); v.all_ref_stores = s; }
delete v.all;
// 7: suspend without search (price of handler search)
v.nosearch = must(base, `            global.get 3
            call $suspend`, `            i32.const 0
            global.set 5
            i32.const 0
            global.set 6
            i32.const 1
            global.set 7`);
const runs = {};
for (const [k, s] of Object.entries(v)) runs[k] = new Store().instantiate(new WebAssembly.Module(await parse(s))).exports.run;
for (let i=0;i<6;i++) { for (const r of Object.values(runs)) r(50000,0); await new Promise(r=>setTimeout(r,50)); }
const t = Object.fromEntries(Object.keys(v).map(k=>[k,[]]));
for (let i=0;i<9;i++) for (const [k,r] of Object.entries(runs)) { gc({type:'minor'}); const c=process.cpuUsage(); r(2000000,0); const d=process.cpuUsage(c); t[k].push((d.user+d.system)/2000); }
for (const [k,a] of Object.entries(t)) { a.sort((x,y)=>x-y); console.log(k.padEnd(16), a[0].toFixed(1), a[4].toFixed(1)); }
