import { print } from '@bytecodealliance/jco-transpile/wasm-tools';
import { encode, validate } from '../../asyncify/index.ts';
import type { Candidate } from './shrink.ts';
import { REENTERED, type Trace } from './trace.ts';

/**
 * The imports of programs. What a script can see of the log is a sum over it, of which a wrong, missing or additional entry
 * changes all the rest.
 */
const HOST = `(module $host
  (type $unary (func (param i32) (result i32)))
  (table (export "table") 1 funcref)
  (tag $boom (export "boom"))
  (global $sum (mut i64) (i64.const 0))
  (func $log64 (export "log64") (param i64)
    (global.set $sum (i64.add (i64.mul (global.get $sum) (i64.const 31)) (local.get 0))))
  (func (export "log") (param i32) (call $log64 (i64.extend_i32_s (local.get 0))))
  (func (export "wait") (type $unary) (i32.add (i32.mul (local.get 0) (i32.const 7)) (i32.const 3)))
  (func (export "poke") (type $unary)
    (if (i32.eq (i32.and (local.get 0) (i32.const 7)) (i32.const 3)) (then (throw $boom)))
    (if (i32.eq (i32.and (local.get 0) (i32.const 3)) (i32.const 1))
      (then (if (i32.eqz (ref.is_null (table.get (i32.const 0))))
        (then (return (call_indirect (type $unary) (local.get 0) (i32.const 0)))))))
    (i32.add (local.get 0) (i32.const 1)))
  (func (export "sum") (result i64) (global.get $sum)))
(register "host" $host)`;

/** Lets the host re-enter the program. */
const REENTRY = `(register "guest" $guest)
(module
  (import "host" "table" (table 1 funcref))
  (import "guest" "${REENTERED}" (func $f (param i32) (result i32)))
  (elem (i32.const 0) $f))`;

/** A script of a program that asserts what it did according to `expected`; where that ends early, so does the script. */
export async function toWast(program: Candidate, expected: Trace, comment: string): Promise<string> {
  const { module, calls } = program;
  const info = validate(module);
  const resultOf = (name: string): string => {
    const entry = module.exports.find((candidate) => candidate.name === name);
    const type = entry === undefined ? undefined : info.funcTypes[entry.index];
    const [result] = type === undefined ? [] : info.funcType(type).results;
    return String(result);
  };
  const lines = [...comment.split('\n').map((line) => `;; ${line}`.trimEnd()), HOST, ''];
  lines.push((await print(encode(module))).trimEnd().replace('(module', '(module $guest'));
  if (module.exports.some(({ name }) => name === REENTERED)) lines.push(REENTRY);
  let sum = 0n;
  for (const [at, { log, outcome }] of expected.runs.entries()) {
    const call = calls[at];
    if (call === undefined) break;
    if (log.length > 0) lines.push(`;; log: ${log.slice(0, 40).join(' ')}${log.length > 40 ? ' ...' : ''}`);
    for (const entry of log) sum = BigInt.asIntN(64, sum * 31n + BigInt(entry));
    const invoke = `(invoke $guest "${call.name}"${call.args.map((arg) => ` (i32.const ${arg})`).join('')})`;
    lines.push(assertion(invoke, outcome, resultOf(call.name)));
    if (log.length > 0) lines.push(`(assert_return (invoke $host "sum") (i64.const ${sum}))`);
  }
  for (const [name, value] of Object.entries(expected.globals)) {
    const entry = module.exports.find((candidate) => candidate.kind === 'global' && candidate.name === name);
    const type = entry === undefined ? undefined : info.globals[entry.index]?.type;
    if (type === 'i32' || type === 'i64') lines.push(`(assert_return (get $guest "${name}") (${type}.const ${value}))`);
  }
  return `${lines.join('\n')}\n`;
}

function assertion(invoke: string, outcome: string, result: string): string {
  const [kind, ...rest] = outcome.split(' ');
  const detail = rest.join(' ');
  switch (kind) {
    case 'return':
      return `(assert_return ${invoke} (${result}.const ${detail}))`;
    case 'trap':
      return `(assert_trap ${invoke} "${detail}")`;
    case 'exception':
      return `(assert_exception ${invoke})`;
    case 'suspension':
      return `(assert_suspension ${invoke} "unhandled tag")`;
    case 'exhaustion':
      return `(assert_exhaustion ${invoke} "call stack exhausted")`;
    default:
      // Nothing that a program may do: no assertion holds.
      return `;; ${outcome.replace(/\s+/g, ' ')}\n(assert_return ${invoke})`;
  }
}
