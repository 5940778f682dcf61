import { availableParallelism } from 'node:os';
import { Rng } from '../rng.ts';
import { CONSTRUCTS, type Family } from './constructs.ts';
import { ENDINGS, type Ending, type EndlessWay } from './job.ts';
import { Lane, type Outcome, PATIENCE, type Trial } from './lane.ts';
import {
  type EndlessProgram,
  familiesOf,
  generateEndless,
  mayEnd,
  type Node,
  namesOf,
  programText,
  uses,
} from './program.ts';

/** How late a program may end that was to end: milliseconds. */
export const SLACK = 200;
const YIELDS = ['fuel', 'epoch'] as const;

/** What a program has done that it should not have. */
export interface Fault {
  readonly kind: 'goes on' | 'late' | 'ended by itself' | 'wrong error' | 'lost' | 'broken';
  readonly detail: string;
}

export interface EndlessFinding {
  readonly seed: number;
  readonly way: EndlessWay;
  readonly ending: Ending;
  readonly fault: Fault;
  /** Shrunk. */
  readonly program: EndlessProgram;
}

export interface EndlessOptions {
  readonly seed: number;
  readonly programs: number;
  /** The time limit, in milliseconds. Default 300. */
  readonly limit?: number;
  /** How many programs run at once. Default: as many as there are processors. */
  readonly lanes?: number;
  /** How long to shrink one finding. */
  readonly shrinkSeconds?: number;
  readonly found?: (finding: EndlessFinding) => void;
  /** Something went wrong, and will be tried once more, alone. */
  readonly doubted?: (doubtful: EndlessFinding) => void;
  /** Called now and then. */
  readonly progress?: (done: number) => void;
}

export interface EndlessSummary {
  readonly programs: number;
  /** How often a program was to end. */
  readonly ended: number;
  /** How often the transform refused one. */
  readonly refused: number;
  /** How often one was late and, tried once more, was not. */
  readonly retried: number;
  /** By ending, how late they were, sorted: milliseconds. */
  readonly delays: Readonly<Record<Ending, readonly number[]>>;
  readonly families: ReadonlyMap<Family, number>;
  /** Constructs that none of the programs had. */
  readonly missing: readonly string[];
  readonly findings: readonly EndlessFinding[];
}

/** The ways to run the program of a seed. */
export function endlessWaysFor(seed: number, program: EndlessProgram): EndlessWay[] {
  const rng = new Rng(seed ^ 0x5eed);
  const isLinked = namesOf(program.root).includes('other-module');
  const binaryen = !isLinked && rng.chance(0.15);
  const linking = isLinked || (!binaryen && rng.chance(0.5)) ? 'linked' : 'closed';
  return YIELDS.map((yields) => ({
    yields,
    linking,
    instrumenter: binaryen ? 'binaryen' : 'frames',
    epochWord: 'shared',
  }));
}

/** What is to end the program of a seed. Where it waits, its time of the processor is not up before anyone has had enough. */
export function endingsFor(seed: number, { root }: EndlessProgram): Ending[] {
  return [seed % 2 === 0 || uses(root, ({ waits }) => waits === true) ? 'wall' : 'cpu', 'kill'];
}

/** A program that computes and does nothing else: how late that is says what the machine is like. */
const PLAIN: EndlessProgram = {
  root: {
    name: 'loop',
    way: 'inline',
    numbers: [],
    places: [{ name: 'nothing', way: 'inline', numbers: [], places: [] }],
  },
  isStart: false,
};

interface Case {
  readonly seed: number;
  readonly program: EndlessProgram;
  readonly way: EndlessWay;
  readonly ending: Ending;
}

/** Makes programs that never end, has each ended in all ways, and says which were not, in time. */
export async function endless(options: EndlessOptions): Promise<EndlessSummary> {
  const run = new EndlessRun(options);
  return run.run();
}

class EndlessRun {
  readonly #options: EndlessOptions;
  readonly #limit: number;
  readonly #delays: Record<Ending, number[]> = { wall: [], cpu: [], kill: [] };
  readonly #families = new Map<Family, number>();
  readonly #names = new Set<string>();
  readonly #findings: EndlessFinding[] = [];
  readonly #doubtful: (Case & { readonly fault: Fault })[] = [];
  #ended = 0;
  #refused = 0;
  #retried = 0;
  #next = 0;

  constructor(options: EndlessOptions) {
    this.#options = options;
    this.#limit = options.limit ?? 300;
  }

  async run(): Promise<EndlessSummary> {
    const { programs, lanes = availableParallelism() } = this.#options;
    await Promise.all(Array.from({ length: Math.min(lanes, programs) }, () => this.#lane()));
    // Alone, so that nobody is late because of others.
    const lane = new Lane();
    try {
      for (const doubtful of this.#doubtful) await this.#retry(lane, doubtful);
    } finally {
      await lane.close();
    }
    for (const ending of ENDINGS) this.#delays[ending].sort((a, b) => a - b);
    return {
      programs: this.#next,
      ended: this.#ended,
      refused: this.#refused,
      retried: this.#retried,
      delays: this.#delays,
      families: this.#families,
      missing: CONSTRUCTS.map(({ name }) => name).filter((name) => !this.#names.has(name)),
      findings: this.#findings,
    };
  }

  async #lane(): Promise<void> {
    const lane = new Lane();
    try {
      while (this.#next < this.#options.programs) {
        const seed = this.#options.seed + this.#next++;
        await this.#program(lane, seed);
        this.#options.progress?.(this.#next);
      }
    } finally {
      await lane.close();
    }
  }

  async #program(lane: Lane, seed: number): Promise<void> {
    const program = generateEndless(seed);
    for (const family of familiesOf(program)) this.#families.set(family, (this.#families.get(family) ?? 0) + 1);
    for (const name of namesOf(program.root)) this.#names.add(name);
    for (const way of endlessWaysFor(seed, program)) {
      const endings = endingsFor(seed, program);
      const outcomes = await lane.run(this.#trial({ seed, program, way }, endings));
      for (const [at, outcome] of outcomes.entries()) {
        const ending = endings[at] as Ending;
        if (outcome.kind === 'refused') {
          this.#refused++;
          continue;
        }
        this.#ended++;
        const fault = faultOf(outcome, program, ending, this.#limit, SLACK);
        if (fault !== null) {
          const doubtful = { seed, program, way, ending, fault };
          this.#doubtful.push(doubtful);
          this.#options.doubted?.(doubtful);
        }
        if (outcome.kind === 'ended') this.#delays[ending].push(delay(outcome, ending, this.#limit));
      }
    }
  }

  #trial({ seed, program, way }: Omit<Case, 'ending'>, endings: readonly Ending[]): Trial {
    const killAfter = 20 + new Rng(seed).int(Math.min(this.#limit, 100));
    return { ...runnable(program), way, endings, limit: this.#limit, killAfter };
  }

  /** Whether it does wrong again, twice, as far as the machine allows to tell. */
  async #again(lane: Lane, one: Case): Promise<Fault | null> {
    const [plain] = await lane.run(this.#trial({ ...one, program: PLAIN }, [one.ending]));
    const usual = plain?.kind === 'ended' ? Math.max(0, delay(plain, one.ending, this.#limit)) : 0;
    const [outcome] = await lane.run(this.#trial(one, [one.ending]));
    return outcome === undefined ? null : faultOf(outcome, one.program, one.ending, this.#limit, SLACK + usual);
  }

  async #retry(lane: Lane, doubtful: Case & { readonly fault: Fault }): Promise<void> {
    let { fault } = doubtful;
    for (let round = 0; round < (fault.kind === 'late' ? 2 : 1); round++) {
      const again = await this.#again(lane, doubtful);
      if (again === null) {
        this.#retried++;
        return;
      }
      fault = again;
    }
    const program = await this.#shrink(lane, doubtful, fault);
    const { seed, way, ending } = doubtful;
    const finding: EndlessFinding = { seed, way, ending, fault, program };
    this.#findings.push(finding);
    this.#options.found?.(finding);
  }

  /** A smaller program with the same fault. */
  async #shrink(lane: Lane, one: Case, fault: Fault): Promise<EndlessProgram> {
    const end = performance.now() + 1000 * (this.#options.shrinkSeconds ?? 60);
    let small = one.program;
    for (let found = true; found; ) {
      found = false;
      for (const candidate of smaller(small)) {
        if (performance.now() >= end) return small;
        if ((await this.#again(lane, { ...one, program: candidate }))?.kind !== fault.kind) continue;
        small = candidate;
        found = true;
        break;
      }
    }
    return small;
  }
}

/** What a lane needs to know of a program. */
export function runnable(program: EndlessProgram): Pick<Trial, 'modules' | 'threads'> {
  return { modules: programText(program), threads: uses(program.root, ({ threads }) => threads === true) };
}

function delay(outcome: Extract<Outcome, { kind: 'ended' }>, ending: Ending, limit: number): number {
  return ending === 'kill' ? outcome.after : outcome.after - limit;
}

/** What host functions may get of the guests that they call: that the process ends, what guests throw, and what the host has. */
const THROWN = ['ProcessEndedError process-ended', 'Exception', 'Error'];

/** What is wrong with an outcome; null: nothing. */
export function faultOf(
  outcome: Outcome,
  program: EndlessProgram,
  ending: Ending,
  limit: number,
  slack: number,
): Fault | null {
  switch (outcome.kind) {
    case 'refused':
      return null;
    case 'running':
      return { kind: 'goes on', detail: `it is still running ${PATIENCE} ms later` };
    case 'lost':
    case 'broken':
      return { kind: outcome.kind, detail: outcome.reason };
    case 'ended': {
      const { kind, detail, seen } = outcome.how;
      const isRight =
        ending === 'kill' ? kind === 'signaled' && detail === '9' : kind === 'timed-out' && detail === ending;
      const may = mayEnd(program.root);
      if (!isRight && !may) return { kind: 'ended by itself', detail: `${kind} ${detail}` };
      const wrong = seen.filter((name) => !THROWN.includes(name));
      if (wrong.length > 0 && !may) return { kind: 'wrong error', detail: wrong.join(', ') };
      const late = delay(outcome, ending, limit);
      if (late > slack) return { kind: 'late', detail: `${Math.round(late)} ms too late` };
      return null;
    }
    default:
      return outcome satisfies never;
  }
}

const NOTHING: Node = { name: 'nothing', way: 'inline', numbers: [], places: [] };

/** Programs with less in them, the smallest first. */
export function* smaller({ root, isStart }: EndlessProgram): Generator<EndlessProgram> {
  if (isStart) yield { root, isStart: false };
  for (const candidate of smallerNodes(root)) yield { root: candidate, isStart };
}

function* smallerNodes(node: Node): Generator<Node> {
  const { places } = node;
  const isEndless = (name: string): boolean => CONSTRUCTS.some((each) => each.name === name && each.term === 'endless');
  for (const place of places) if (isEndless(place.name) === isEndless(node.name)) yield { ...place, way: 'inline' };
  if (!isEndless(node.name) && node.name !== NOTHING.name) yield NOTHING;
  if (node.way !== 'inline') yield { ...node, way: 'inline' };
  for (const [at, place] of places.entries()) {
    for (const candidate of smallerNodes(place)) {
      yield { ...node, places: places.map((other, index) => (index === at ? candidate : other)) };
    }
  }
}
