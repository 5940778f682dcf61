import { afterAll, describe, expect, it } from 'vitest';
import { type Linking, transform } from '../../../asyncify/index.ts';
import { parseText } from '../../runner/text.ts';
import { CONSTRUCTS } from './constructs.ts';
import { faultOf, runnable, smaller } from './endless.ts';
import type { Ending, EndlessWay } from './job.ts';
import { Lane, type Outcome } from './lane.ts';
import {
  type EndlessProgram,
  generateEndless,
  mayEnd,
  type Node,
  namesOf,
  programText,
  describe as show,
} from './program.ts';

const node = (name: string, ...places: readonly Node[]): Node => ({
  name,
  way: 'inline',
  numbers: CONSTRUCTS.find((construct) => construct.name === name)?.numbers?.({ int: () => 0 } as never) ?? [],
  places,
});
const program = (root: Node): EndlessProgram => ({ root, isStart: false });
const LOOP = program(node('loop', node('nothing')));

describe('the generator of programs that never end', () => {
  it('makes the same program for the same seed, and others for others', () => {
    expect(programText(generateEndless(7))).toEqual(programText(generateEndless(7)));
    expect(new Set([1, 2, 3, 4, 5].map((seed) => show(generateEndless(seed)))).size).toBe(5);
  });

  it.each<Linking>(['closed', 'linked'])('makes programs that can be transformed as %s', async (linking) => {
    for (let seed = linking === 'closed' ? 0 : 40; seed < (linking === 'closed' ? 40 : 80); seed++) {
      const made = generateEndless(seed);
      for (const { text } of programText(made)) {
        const source = await parseText(text);
        const { bytes } = transform(source, {
          linking,
          yields: seed % 2 === 0 ? 'fuel' : 'epoch',
          suspending: ['host.*'],
        });
        expect(() => new WebAssembly.Module(bytes), show(made)).not.toThrow();
      }
    }
  });

  it('has all constructs, each at all depths', () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 2000; seed++) {
      for (const name of namesOf(generateEndless(seed).root)) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    for (const { name } of CONSTRUCTS) expect(counts.get(name) ?? 0, name).toBeGreaterThan(5);
  });

  it('makes smaller programs of one that are programs too', async () => {
    const candidates = [...smaller(generateEndless(8))];
    expect(candidates.length).toBeGreaterThan(3);
    for (const candidate of candidates) {
      for (const { text } of programText(candidate)) await expect(parseText(text)).resolves.toBeInstanceOf(Uint8Array);
    }
  });
});

describe('what is right', () => {
  const killed: Extract<Outcome, { kind: 'ended' }> = {
    kind: 'ended',
    after: 150,
    how: { kind: 'signaled', detail: '9', seen: [] },
    killed: true,
  };
  const fault = (outcome: Outcome, tested = LOOP) => faultOf(outcome, tested, 'kill', 300, 200)?.kind ?? null;

  it('is a death in time', () => {
    expect(fault(killed)).toBeNull();
    expect(fault({ ...killed, after: 201 })).toBe('late');
    const limited: Outcome = { ...killed, how: { kind: 'timed-out', detail: 'wall', seen: [] }, killed: false };
    expect(faultOf({ ...limited, after: 499 }, LOOP, 'wall', 300, 200)).toBeNull();
    expect(faultOf({ ...limited, after: 501 }, LOOP, 'wall', 300, 200)?.kind).toBe('late');
    expect(faultOf({ ...limited, after: 499 }, LOOP, 'cpu', 300, 200)?.kind).toBe('ended by itself');
    expect(fault({ kind: 'running' })).toBe('goes on');
    expect(fault({ kind: 'lost', reason: '' })).toBe('lost');
  });

  it('is no other end, but of those who need more and more', () => {
    const failed: Outcome = { ...killed, how: { kind: 'failed', detail: 'RuntimeError: unreachable', seen: [] } };
    expect(fault(failed)).toBe('ended by itself');
    expect(fault(failed, program(node('deep-recursion', node('nothing'))))).toBeNull();
    expect(mayEnd(node('host-back', node('pause')))).toBe(true);
    expect(mayEnd(node('host-back', node('loop', node('nothing'))))).toBe(false);
  });

  it('is an error of the process for host functions', () => {
    const seen = (...names: readonly string[]): Outcome => ({ ...killed, how: { ...killed.how, seen: names } });
    expect(fault(seen('ProcessEndedError process-ended', 'Exception'))).toBeNull();
    expect(fault(seen('ProcessEndedError process-ended', 'RuntimeError'))).toBe('wrong error');
  });
});

describe('a lane', () => {
  const lane = new Lane();
  afterAll(() => lane.close());
  const way: EndlessWay = { yields: 'fuel', linking: 'closed', instrumenter: 'frames', epochWord: 'shared' };
  const run = (tested: ReturnType<typeof runnable>, endings: readonly Ending[] = ['wall', 'kill']) =>
    lane.run({ ...tested, way, endings, limit: 50, killAfter: 20 });

  it('says of a program that ends by itself that it does', async () => {
    for (const outcome of await run(runnable(program(node('count'))))) {
      expect(outcome).toMatchObject({ kind: 'ended', how: { kind: 'exited' }, killed: false });
    }
  });

  it('gives up a worker that does not end, and goes on with another', async () => {
    const text = `(module (import "host" "slow" (func $slow (param i32)))
      (func (export "_start") (call $slow (i32.const 1000000))))`;
    const hanging = { modules: [{ name: 'main', text }], threads: false };
    expect(await run(hanging, ['wall'])).toEqual([{ kind: 'running' }]);
    expect(await run(runnable(LOOP))).toMatchObject([
      { kind: 'ended', how: { kind: 'timed-out', detail: 'wall' } },
      { kind: 'ended', how: { kind: 'signaled', detail: '9' }, killed: true },
    ]);
  });

  it('says so of modules that are none', async () => {
    const [first] = await run({ modules: [{ name: 'main', text: '(module (func (result i32)))' }], threads: false });
    expect(first).toMatchObject({ kind: 'broken' });
  });
});
