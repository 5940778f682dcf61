import type { Module } from '../../asyncify/binary/module.ts';
import type { Candidate } from './shrink.ts';

const LISTS = ['elems', 'funcs', 'tables', 'globals', 'tags', 'memories', 'recGroups'] as const;

/** Without the last of each kind of definition, which changes no index; without entries of element segments. */
export function* fewerDefinitions(program: Candidate): Iterable<Candidate> {
  const { module } = program;
  const without = (change: Partial<Module>): Candidate => ({ ...program, module: { ...module, ...change } });
  for (const list of LISTS) {
    const { length } = module[list];
    for (let count = length; count >= 1; count >>= 1) yield without({ [list]: module[list].slice(0, length - count) });
  }
  for (const [at, elem] of module.elems.entries()) {
    for (let entry = elem.init.length - 1; entry >= 0; entry--) {
      const fewer = { ...elem, init: elem.init.toSpliced(entry, 1) };
      yield without({ elems: module.elems.with(at, fewer) });
    }
  }
}

/** How many definitions there are. */
export function definitions({ module }: Candidate): number {
  const entries = module.elems.reduce((sum, { init }) => sum + init.length, 0);
  return LISTS.reduce((sum, list) => sum + module[list].length, entries);
}
