import type { Expr, Func, Module } from '../binary/module.ts';
import type { Instr } from '../binary/opcodes.ts';
import { type Observer, walkBody } from './body.ts';
import { checkContents, checkDeclarations } from './declarations.ts';
import { Context, type ModuleInfo } from './info.ts';
import { type Landmark, Landmarks } from './landmarks.ts';
import { checkTypes } from './type-section.ts';

/**
 * Validates a module: Wasm 3.0 §3 with legacy exceptions (exception-handling proposal, legacy document), threads, and the
 * stack-switching proposal's rules (its explainer).
 * @returns the module's typing context
 * @throws InvalidError with the wording of the reference interpreter first, then detail
 */
export function validate(module: Module): ModuleInfo {
  const { types, canonical } = checkTypes(module.recGroups);
  const info = new Context(module, types, canonical);
  checkDeclarations(info);
  checkContents(info);
  const landmarks = new Landmarks();
  const seen: (readonly Landmark[])[] = [];
  for (let i = 0; i < module.funcs.length; i++) {
    const func = module.funcs[i] as Func;
    const { body } = func;
    walkBody(info, i, func, body);
    for (let at = 0; at < body.length; at++) landmarks.see(body[at] as Instr, at);
    seen.push(landmarks.take());
  }
  info.seen(seen);
  return info;
}

/**
 * The typing context of a module that a step of the transform has made of a valid one: bodies are not looked at.
 * @param landmarks those of its bodies
 * @throws InvalidError for types that are none
 */
export function typingContext(module: Module, landmarks: readonly (readonly Landmark[])[]): ModuleInfo {
  const { types, canonical } = checkTypes(module.recGroups);
  const info = new Context(module, types, canonical);
  info.seen(landmarks);
  return info;
}

/**
 * Walks one body by the same rules as `validate`, showing each instruction to an observer.
 * @param info what `validate` returned
 * @param func index among the defined functions (imports not counted)
 * @param body what it walks in the place of the function's own body
 * @throws InvalidError; RangeError if there is no such function or `info` is not from `validate`
 */
export function walkFunction(info: ModuleInfo, func: number, observer: Observer, body?: Expr): void {
  const found = info.module.funcs[func];
  if (found === undefined) throw new RangeError(`no defined function ${func}`);
  if (!(info instanceof Context)) throw new RangeError('the typing context must be the result of validate');
  walkBody(info, func, found, body ?? found.body, observer);
}
