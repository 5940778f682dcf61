import type { Module } from '../binary/module.ts';
import type { ModuleInfo } from '../validate/index.ts';
export function usesLegacyExceptions(_: Module): boolean {
  return false;
}
export function lowerLegacyExceptions(info: ModuleInfo): Module {
  return info.module;
}
