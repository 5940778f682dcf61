import { Rng } from '../rng.ts';
import { CONSTRUCTS, type Construct, constructOf, type Family, type Term } from './constructs.ts';
import { ModuleText, WAYS_TO_CALL, type WayToCall } from './text.ts';

/** A program as a tree: what it is put together of. */
export interface Node {
  readonly name: string;
  /** How it is called where it stands. */
  readonly way: WayToCall;
  readonly numbers: readonly number[];
  readonly places: readonly Node[];
}

/** A program that does not end, or not within any time that matters. */
export interface EndlessProgram {
  readonly root: Node;
  /** Everything happens in the start function. */
  readonly isStart: boolean;
}

/** A module of a program, and what others import it by. */
export interface ProgramModule {
  readonly name: string;
  readonly text: string;
}

/** Makes the program of a seed; the same each time. */
export function generateEndless(seed: number): EndlessProgram {
  const rng = new Rng(seed);
  const root = new Growth(rng).grow('endless', 1 + rng.int(4), { isLinked: false, isMasked: false });
  return { root, isStart: rng.chance(0.12) && !uses(root, ({ threads }) => threads === true) };
}

interface Surroundings {
  /** In a module of its own, of which the process knows nothing. */
  readonly isLinked: boolean;
  /** The signals of handlers are blocked, or one of them runs. */
  readonly isMasked: boolean;
}

class Growth {
  readonly #rng: Rng;

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  grow(term: Term, depth: number, around: Surroundings): Node {
    const rng = this.#rng;
    const suitable = CONSTRUCTS.filter(
      (construct) =>
        construct.term === term &&
        (depth > 0 || construct.places.length === 0 || (term === 'endless' && !construct.places.includes('endless'))) &&
        !(around.isLinked && construct.mainOnly === true) &&
        !(around.isMasked && construct.masks === true),
    );
    const nested = suitable.filter(({ places }) => places.includes('endless'));
    const among = nested.length > 0 && rng.chance(0.6) ? nested : suitable;
    // Each family as often as the others, however many constructs it has.
    const family = rng.pick([...new Set(among.map((construct) => construct.family))]);
    const construct = rng.pick(among.filter((candidate) => candidate.family === family));
    const below: Surroundings = {
      isLinked: around.isLinked || construct.name === 'other-module',
      isMasked: around.isMasked || construct.masks === true,
    };
    const numbers = construct.numbers?.(rng) ?? [];
    const places = construct.places.map((place) => this.grow(place, Math.max(depth - 1, 0), below));
    return { name: construct.name, way: this.#way(construct), numbers, places };
  }

  #way(construct: Construct): WayToCall {
    if (construct.term === 'finite') return this.#rng.pick(['inline', 'inline', 'call', 'call_indirect', 'call_ref']);
    return this.#rng.pick(WAYS_TO_CALL);
  }
}

/** Whether a construct like this is in a program. */
export function uses(node: Node, wanted: (construct: Construct) => boolean): boolean {
  return wanted(constructOf(node.name)) || node.places.some((place) => uses(place, wanted));
}

/** Where it is allowed to end by itself, with an error: it needs more and more memory, or waits where it cannot. */
export function mayEnd(node: Node, isUnderHost = false): boolean {
  const { mayEnd: may, waits, hosts } = constructOf(node.name);
  if (may === true || (waits === true && isUnderHost)) return true;
  return node.places.some((place) => mayEnd(place, isUnderHost || hosts === true));
}

/** The names of a program's constructs. */
export function namesOf(node: Node): string[] {
  return [node.name, ...node.places.flatMap(namesOf)];
}

export function familiesOf({ root, isStart }: EndlessProgram): ReadonlySet<Family> {
  const families = new Set(namesOf(root).map((name) => constructOf(name).family));
  if (isStart) families.add('start');
  return families;
}

/** On one line, for reports. */
export function describe({ root, isStart }: EndlessProgram): string {
  const show = ({ name, way, numbers, places }: Node): string => {
    const inner = places.map(show).join(', ');
    const how = way === 'inline' ? '' : `${way} `;
    return `${how}${name}${numbers.length > 0 ? `[${numbers.join(' ')}]` : ''}${inner && `(${inner})`}`;
  };
  return `${isStart ? 'start: ' : ''}${show(root)}`;
}

/** The text of a program: the modules that it imports come first, the last one is the process's. */
export function programText({ root, isStart }: EndlessProgram): readonly ProgramModule[] {
  const writer = new Writer();
  writer.module('main', root, isStart);
  return writer.modules;
}

class Writer {
  readonly modules: ProgramModule[] = [];
  #others = 0;

  module(name: string, root: Node, isStart: boolean): void {
    const module = new ModuleText(name);
    const main = module.func(() => this.#statement(module, root));
    this.modules.push({ name, text: module.text(main, isStart) });
  }

  #statement(module: ModuleText, node: Node): string {
    const { way } = node;
    if (way === 'inline') return this.#emit(module, node);
    const func = module.func(() => this.#emit(module, node));
    return module.call(func, way);
  }

  #emit(module: ModuleText, { name, numbers, places }: Node): string {
    if (name === 'other-module') {
      const other = `other${this.#others++}`;
      this.module(other, places[0] as Node, false);
      module.imported(`(import "${other}" "_start" (func $${other}))`);
      return `(call $${other})`;
    }
    const statements = places.map((place) => () => this.#statement(module, place));
    return constructOf(name).emit(module, numbers, statements);
  }
}
