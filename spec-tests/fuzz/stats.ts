import type { GlobalIdx, LocalIdx } from '../../asyncify/binary/types.ts';
import type { Gen } from './gen.ts';
import type { STAT_STATE, Stat } from './world.ts';

// Counters of what a module does when it runs, in the module's own code. A suspension has a number; the handler that
// receives it writes down how many stacks it captured, from which the suspended side, once resumed, knows how deep it is
// now. The depth of a stack that was captured by a stack further out is not corrected, so the counts are estimates.

/** Where the numbers of captured stacks stand in memory, and for each depth when it was last captured. */
const CAPTURED = 4096;
const MOVED = 16384;

function global(g: Gen, name: Stat | (typeof STAT_STATE)[number]): GlobalIdx {
  const found = g.world.stats.get(name);
  if (found === undefined) throw new RangeError(`no counter ${name}`);
  return found;
}

export function count(g: Gen, stat: Stat): void {
  if (!g.world.options.stats) return;
  const at = global(g, stat);
  g.asm.globalGet(at).i32(1).do('i32.add').globalSet(at);
}

/** Adds the condition on the stack to a counter. */
function countIf(g: Gen, stat: Stat): void {
  const at = global(g, stat);
  g.asm.globalGet(at).do('i32.add').globalSet(at);
}

const slot = (g: Gen, id: () => void): void => {
  id();
  g.asm.i32(1023).do('i32.and').i32(2).do('i32.shl').i32(CAPTURED).do('i32.add');
};
const MEMARG = { align: 2, memory: 0 as never, offset: 0n };

/** Around a `suspend` or `switch`; `emit` makes the instruction itself. */
export function suspending(g: Gen, stat: 'suspends' | 'switches', emit: () => void): void {
  if (!g.world.options.stats) {
    emit();
    return;
  }
  const { asm } = g;
  const id = g.hidden('i32');
  g.suspendedLocal ??= g.hidden('i32');
  count(g, stat);
  const lastId = global(g, 'lastId');
  asm.globalGet(lastId).i32(1).do('i32.add').tee(id).globalSet(lastId);
  asm.get(id).globalSet(global(g, 'suspendId'));
  asm.globalGet(global(g, 'depth')).globalSet(global(g, 'suspendDepth'));
  emit();
  count(g, 'resumed');
  asm.i32(1).set(g.suspendedLocal);
  if (stat === 'suspends') {
    asm.globalGet(global(g, 'depth'));
    slot(g, () => asm.get(id));
    asm.op('i32.load', { memarg: MEMARG }).do('i32.add').i32(1).do('i32.sub').globalSet(global(g, 'depth'));
  }
}

/** What a `resume` remembers for its handlers. */
export interface Prompt {
  readonly depth: LocalIdx;
  /** When it was made. */
  readonly since: LocalIdx;
}

/** Before a `resume`, its operands on the stack. */
export function beforeResume(g: Gen): Prompt | null {
  if (!g.world.options.stats) return null;
  const prompt = { depth: g.hidden('i32'), since: g.hidden('i32') };
  const depth = global(g, 'depth');
  g.asm.globalGet(depth).tee(prompt.depth).i32(1).do('i32.add').globalSet(depth);
  g.asm.globalGet(global(g, 'time')).set(prompt.since);
  return prompt;
}

/** After a `resume` that returned. */
export function afterResume(g: Gen, prompt: Prompt | null): void {
  if (prompt !== null) g.asm.get(prompt.depth).globalSet(global(g, 'depth'));
}

/** At the start of a handler of a suspension. */
export function atHandler(g: Gen, prompt: Prompt | null): void {
  if (prompt === null) return;
  const { asm } = g;
  const time = global(g, 'time');
  const at = g.hidden('i32');
  const moved = { align: 2, memory: 0 as never, offset: BigInt(MOVED) };
  const place = (local: LocalIdx): void => {
    asm.get(local).i32(1023).do('i32.and').i32(2).do('i32.shl');
  };
  const captured = g.hidden('i32');
  count(g, 'handled');
  asm.globalGet(global(g, 'suspendDepth')).get(prompt.depth).do('i32.sub').set(captured);
  slot(g, () => asm.globalGet(global(g, 'suspendId')));
  asm.get(captured).op('i32.store', { memarg: MEMARG });
  asm.get(captured).i32(1).do('i32.gt_s');
  countIf(g, 'forwarded1');
  asm.get(captured).i32(2).do('i32.gt_s');
  countIf(g, 'forwarded2');
  place(prompt.depth);
  asm.op('i32.load', { memarg: moved }).get(prompt.since).do('i32.gt_s');
  countIf(g, 'heapHandled');
  asm.globalGet(time).i32(1).do('i32.add').globalSet(time);
  asm.globalGet(global(g, 'suspendDepth')).set(at);
  const done = asm.open('block');
  const next = asm.open('loop');
  asm.get(at).get(prompt.depth).do('i32.le_s').brIf(done);
  place(at);
  asm.globalGet(time).op('i32.store', { memarg: moved });
  asm.get(at).i32(1).do('i32.sub').set(at).br(next);
  asm.close().close();
  asm.get(prompt.depth).globalSet(global(g, 'depth'));
}

/** Before a `throw`. */
export function atThrow(g: Gen): void {
  if (!g.world.options.stats || g.suspendedLocal === null) return;
  g.asm.get(g.suspendedLocal);
  countIf(g, 'reenteredThrows');
}

/** Before a `try_table`; what to call at the start of a catch. */
export function beforeTry(g: Gen): () => void {
  if (!g.world.options.stats) return () => {};
  const depth = g.hidden('i32');
  const at = global(g, 'depth');
  g.asm.globalGet(at).set(depth);
  return () => {
    g.asm.get(depth).globalSet(at);
    count(g, 'caught');
  };
}
