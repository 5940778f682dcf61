import type { Handler } from '../../asyncify/binary/immediates.ts';
import type { LocalIdx, TypeIdx, ValType } from '../../asyncify/binary/types.ts';
import { isRef, refType, sameType } from '../../asyncify/binary/types.ts';
import type { Label } from '../../asyncify/lower/asm.ts';
import type { Gen } from './gen.ts';
import { afterResume, atHandler, beforeResume, count, type Prompt, suspending } from './stats.ts';
import { contOf, nonNull, nullable } from './types.ts';
import { address, exprs, log } from './values.ts';
import { CONT_SLOTS, type Ring, type Tag } from './world.ts';

const sameTypes = (a: readonly ValType[], b: readonly ValType[]): boolean =>
  a.length === b.length && a.every((type, at) => sameType(type, b[at] as ValType));

/** Makes code that leaves a continuation of this type, not null. */
export function contRef(g: Gen, cont: TypeIdx): void {
  const { rng, types, world } = g;
  const { params, results } = types.signature(cont);
  const locals = g.vars.filter((entry) => contOf(types, entry.type) === cont);
  const stored = world.globalsOf(nullable(cont));
  const room = g.budget > 0;
  const comp = types.comp(cont);
  const affordable = comp.kind === 'cont' && world.affords(comp.type);
  const make = rng.weighted<() => void>([
    [affordable ? 3 : 0, () => fresh(g, cont)],
    [room && affordable && params.length < 3 ? 2 : 0, () => bound(g, params, results, cont)],
    [locals.length > 0 ? 9 : 0, () => fromLocal(g, rng.pick(locals).local, cont)],
    [stored.length > 0 ? 3 : 0, () => fromGlobal(g, cont)],
    [room || !affordable ? 1 : 0, () => fromTable(g, cont)],
  ]);
  make();
}

/** A continuation of a function of ours; where there are functions enough and none of them fits, the function ends. */
function fresh(g: Gen, cont: TypeIdx): void {
  const comp = g.types.comp(cont);
  if (comp.kind !== 'cont') throw new RangeError(`type ${cont} is no continuation type`);
  if (
    cont === g.world.openCont &&
    g.world.options.supertypes &&
    g.world.affords(g.world.subFunc) &&
    g.rng.chance(0.5)
  ) {
    fresh(g, g.world.subCont);
    return;
  }
  if (!g.world.affords(comp.type)) {
    g.defaults(g.results);
    g.asm.do('return');
    return;
  }
  g.funcRef(comp.type);
  g.asm.op('cont.new', { type: cont });
}

/** A longer continuation, its first parameters given. */
function bound(g: Gen, params: readonly ValType[], results: readonly ValType[], cont: TypeIdx): void {
  let extra = g.world.someTypes(g.rng.int(3));
  if (!g.world.affords(g.types.func([...extra, ...params], results))) extra = [];
  // Bound to itself where nothing is given: still a new reference.
  const from = extra.length === 0 ? cont : g.types.contOf([...extra, ...params], results);
  exprs(g, extra);
  contRef(g, from);
  count(g, 'binds');
  g.asm.op('cont.bind', { type: from, type2: cont });
}

/** Leaves what `get` finds and clears its place, or where that is null, a fresh one. */
function taken(g: Gen, cont: TypeIdx, get: () => void, clear: () => void): void {
  const { asm } = g;
  // A second use of the same reference traps; seldom enough that most runs get on.
  if (g.rng.chance(0.03)) {
    get();
    asm.do('ref.as_non_null');
    return;
  }
  g.block([nonNull(cont)], (label) => {
    get();
    clear();
    asm.op('br_on_non_null', { label: asm.depthOf(label) });
    fresh(g, cont);
  });
}

export function fromLocal(g: Gen, local: LocalIdx, cont: TypeIdx): void {
  const { asm } = g;
  const entry = g.vars.find((candidate) => candidate.local === local);
  const isNullable = entry !== undefined && sameType(entry.type, nullable(cont));
  if (!isNullable) {
    asm.get(local);
    return;
  }
  taken(
    g,
    cont,
    () => asm.get(local),
    () => asm.null(cont).set(local),
  );
}

function fromGlobal(g: Gen, cont: TypeIdx): void {
  const { asm } = g;
  const at = g.world.contGlobal(cont);
  if (at === null) {
    fresh(g, cont);
    return;
  }
  taken(
    g,
    cont,
    () => asm.globalGet(at),
    () => asm.null(cont).globalSet(at),
  );
}

function fromTable(g: Gen, cont: TypeIdx): void {
  const { asm } = g;
  const table = g.world.contTable(cont);
  if (table === null) {
    fresh(g, cont);
    return;
  }
  const index = g.hidden('i32');
  address(g);
  asm
    .i32(CONT_SLOTS - 1)
    .do('i32.and')
    .set(index);
  taken(
    g,
    cont,
    () => asm.get(index).op('table.get', { table }),
    () => asm.get(index).null(cont).op('table.set', { table }),
  );
}

/** Puts the continuation in a local where other functions may find it. */
export function keep(g: Gen, local: LocalIdx, cont: TypeIdx): void {
  const { asm, world } = g;
  const global = g.rng.chance(0.5) ? world.contGlobal(cont) : null;
  if (global !== null) {
    asm.get(local).globalSet(global);
    return;
  }
  const table = world.contTable(cont);
  if (table === null) return;
  asm.i32(g.rng.int(CONT_SLOTS)).get(local).op('table.set', { table });
}

/** How a `resume` takes its continuation along. */
export type Resumption =
  | { readonly op: 'resume' }
  | { readonly op: 'resume_throw'; readonly tag: Tag }
  | { readonly op: 'resume_throw_ref' };

export interface ResumeSite {
  readonly cont: TypeIdx;
  readonly how: Resumption;
  readonly tags: readonly Tag[];
  /** Leaves the operands, the continuation last. */
  readonly operands: () => void;
  /** With what the tag carries in locals: leaves what the construct as a whole leaves, or branches off. */
  readonly handle: (tag: Tag, cont: LocalIdx, type: TypeIdx) => void;
  /** With the results on the stack: leaves what the construct leaves, or branches off. */
  readonly returned: () => void;
}

/** A `resume` in blocks, one for each handler, the whole in a block that leaves `results`. */
export function resumeIn(g: Gen, results: readonly ValType[], site: ResumeSite): void {
  const { asm, rng, types } = g;
  const given = types.signature(site.cont).results;
  g.block(results, (out) => {
    const arms = site.tags.map((tag) => ({ tag, type: types.contOf(tag.results, given) }));
    let prompt: Prompt | null = null;
    const nest = (at: number): void => {
      const arm = arms[at];
      if (arm === undefined) {
        const handlers: Handler[] = arms.map(({ tag }, n) => ({
          kind: 'label',
          tag: tag.index,
          label: asm.depthOf(labels[n] as Label),
        }));
        for (const { tag } of g.world.rings) {
          if (sameTypes(tag.results, given) && (g.budget <= 0 || rng.chance(0.9)))
            handlers.push({ kind: 'switch', tag: tag.index });
        }
        enclosing(g, given, handlers);
        site.operands();
        prompt = beforeResume(g);
        resumption(g, site.cont, site.how, handlers);
        afterResume(g, prompt);
        site.returned();
        asm.br(out);
        return;
      }
      const carried = [
        ...arm.tag.params.map((type) => widened(g, type)),
        rng.chance(0.2) ? nullable(arm.type) : nonNull(arm.type),
      ];
      g.block(carried, (label) => {
        labels[at] = label;
        nest(at + 1);
      });
      g.scoped(() => {
        const stored = g.store(carried);
        atHandler(g, prompt);
        carried.slice(0, -1).forEach((type, n) => {
          if (!rng.chance(0.6)) return;
          asm.get(stored[n] as LocalIdx);
          log(g, type);
        });
        site.handle(arm.tag, stored.at(-1) as LocalIdx, arm.type);
        if (at > 0) asm.br(out);
      });
    };
    const labels: Label[] = [];
    nest(0);
  });
}

/** A supertype now and then: labels may take more than the tag gives. */
function widened(g: Gen, type: ValType): ValType {
  if (!isRef(type) || contOf(g.types, type) !== null || !g.rng.chance(0.3)) return type;
  if (g.rng.chance(0.5)) return nullable(type.heap);
  return refType(g.types.topOf(type.heap), type.nullable);
}

/** Sometimes a handler whose label is further out: of a `resume` around this one, or any block that fits. */
function enclosing(g: Gen, given: readonly ValType[], handlers: Handler[]): void {
  if (g.rng.chance(0.5)) return;
  for (const tag of g.world.controlTags) {
    const type = g.types.contOf(tag.results, given);
    const target = g.targets.find(({ types }) => sameTypes(types, [...tag.params, nonNull(type)]));
    if (target === undefined) continue;
    const handler: Handler = { kind: 'label', tag: tag.index, label: g.asm.depthOf(target.label) };
    if (g.rng.chance(0.5)) handlers.push(handler);
    else handlers.unshift(handler);
  }
}

function resumption(g: Gen, type: TypeIdx, how: Resumption, handlers: readonly Handler[]): void {
  switch (how.op) {
    case 'resume':
      g.asm.op('resume', { type, handlers });
      break;
    case 'resume_throw':
      count(g, 'resumeThrows');
      g.asm.op('resume_throw', { type, tag: how.tag.index, handlers });
      break;
    case 'resume_throw_ref':
      count(g, 'resumeThrows');
      g.asm.op('resume_throw_ref', { type, handlers });
      break;
    default:
      how satisfies never;
  }
}

/** `switch`: what comes back is in locals, the values left on the stack or dropped by the caller. */
export function switching(g: Gen, ring: Ring): readonly ValType[] {
  exprs(g, ring.values);
  contRef(g, ring.cont);
  suspending(g, 'switches', () => g.asm.op('switch', { type: ring.cont, tag: ring.tag.index }));
  const local = g.hidden(nullable(ring.cont));
  g.asm.set(local);
  g.vars.push({ local, type: nullable(ring.cont) });
  if (g.rng.chance(0.3)) keep(g, local, ring.cont);
  return ring.values;
}
