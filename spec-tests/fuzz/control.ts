import type { Catch } from '../../asyncify/binary/immediates.ts';
import type { ValType } from '../../asyncify/binary/types.ts';
import { sameType } from '../../asyncify/binary/types.ts';
import type { Label, SymbolicCatch } from '../../asyncify/lower/asm.ts';
import type { Gen } from './gen.ts';
import { statements } from './statements.ts';
import { beforeTry } from './stats.ts';
import { nonNull, nullable } from './types.ts';
import { expr, exprs, log } from './values.ts';
import type { Tag } from './world.ts';

/** A block or loop that leaves values of the types; it may have parameters, which stay on the stack for a while. */
export function blockOf(g: Gen, results: readonly ValType[]): void {
  const { rng, asm, world } = g;
  const params = rng.chance(0.5) ? [] : world.someTypes(1 + rng.int(2));
  const loops = rng.chance(0.35);
  exprs(g, params);
  const label = asm.open(loops ? 'loop' : 'block', g.blockType(params, results));
  g.within(label, loops ? params : results, () => {
    if (loops) g.burn();
    if (rng.chance(0.6)) statements(g, 1 + rng.int(2));
    consume(g, params);
    statements(g, rng.int(3));
    if (loops && rng.chance(0.8)) {
      exprs(g, params);
      expr(g, 'i32');
      if (rng.chance(0.5)) asm.i32(3).do('i32.and');
      asm.brIf(label);
      consume(g, params);
    }
    exprs(g, results);
  });
}

/** Drops, stores or writes down what is on the stack. */
export function consume(g: Gen, types: readonly ValType[]): void {
  for (const type of types.toReversed()) {
    const choice = g.rng.int(6);
    if (choice === 0) g.asm.do('drop');
    else if (choice < 3) log(g, type);
    else g.asm.set(g.local(type));
  }
}

export function conditional(g: Gen, results: readonly ValType[]): void {
  const arm = (): void => {
    statements(g, g.rng.int(3));
    exprs(g, results);
  };
  expr(g, 'i32');
  g.if(results, arm, arm);
}

/** A `try_table` whose clauses go to blocks around it, or further out. */
export function tryOf(g: Gen, results: readonly ValType[]): void {
  const { rng, asm, world } = g;
  const clauses = rng.list(rng.int(3) + 1, () => clause(g));
  const caught = beforeTry(g);
  g.block(results, (out) => {
    const labels: Label[] = [];
    const nest = (at: number): void => {
      const arm = clauses[at];
      if (arm === undefined) {
        const catches = clauses.map(({ kind, tag }, n): SymbolicCatch => symbolic(kind, tag, labels[n] as Label));
        const further = rng.chance(0.4) ? outside(g) : null;
        if (further !== null) catches.splice(rng.int(catches.length + 1), 0, further);
        const label = asm.openTry(g.blockType([], results), catches);
        g.within(label, results, () => {
          statements(g, rng.int(3) + 1);
          exprs(g, results);
        });
        asm.br(out);
        return;
      }
      g.block(arm.types, (label) => {
        labels[at] = label;
        nest(at + 1);
      });
      g.scoped(() => {
        const stored = g.store(arm.types);
        caught();
        const reference = arm.kind.endsWith('_ref') ? stored.at(-1) : undefined;
        statements(g, rng.int(2) + 1);
        if (reference !== undefined && rng.chance(0.3)) asm.get(reference).do('throw_ref');
        else exprs(g, results);
        if (at > 0) asm.br(out);
      });
    };
    nest(0);
  });

  function clause(of: Gen): { kind: Catch['kind']; tag: Tag; types: ValType[] } {
    const kind = of.rng.weighted<Catch['kind']>([
      [5, 'catch'],
      [4, 'catch_ref'],
      [2, 'catch_all'],
      [2, 'catch_all_ref'],
    ]);
    const tag = of.rng.pick(world.throwTags);
    const types: ValType[] = kind.startsWith('catch_all') ? [] : [...tag.params];
    if (kind.endsWith('_ref')) types.push(of.rng.chance(0.3) ? nullable('exn') : nonNull('exn'));
    return { kind, tag, types };
  }
}

function symbolic(kind: Catch['kind'], tag: Tag, label: Label): SymbolicCatch {
  return kind === 'catch' || kind === 'catch_ref' ? { kind, tag: tag.index, label } : { kind, label };
}

/** A clause whose label is one that happens to fit. */
function outside(g: Gen): SymbolicCatch | null {
  for (const tag of g.world.throwTags) {
    const fits = g.targets.filter(
      ({ types }) =>
        types.length === tag.params.length && types.every((type, at) => sameType(type, tag.params[at] as ValType)),
    );
    if (fits.length > 0) return { kind: 'catch', tag: tag.index, label: g.rng.pick(fits).label };
  }
  return null;
}
