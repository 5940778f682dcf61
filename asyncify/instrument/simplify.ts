import type { Module } from '../binary/module.ts';
import { inlineWrappers } from '../lower/inline.ts';
import { lowerTables } from '../lower/tables.ts';
import { tailCalls } from '../lower/tail-position.ts';
import { type ModuleInfo, validate } from '../validate/index.ts';
import { analyse, NO_HOST } from './analysis.ts';
import type { Linking } from './frames/state.ts';

/**
 * The same module with less to save: tables of continuations as arrays and, for speed, short functions that suspend in their
 * callers, and calls in tail position as tail calls. A module without continuation types stays as it is.
 */
export function simplified(source: ModuleInfo, linking: Linking, speed: boolean): ModuleInfo {
  let info = source;
  const step = (module: Module | null): void => {
    if (module !== null) info = validate(module);
  };
  if (!info.types.some(({ comp }) => comp.kind === 'cont')) return info;
  if (speed) step(inlineWrappers(info));
  step(lowerTables(info));
  if (!speed) return info;
  const suspensions = analyse(info, linking, NO_HOST);
  step(tailCalls(info, (func) => suspensions.suspends(func)));
  return info;
}
