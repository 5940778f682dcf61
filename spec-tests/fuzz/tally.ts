import type { Checked } from './compare.ts';
import { STATS } from './world.ts';

export interface Coverage {
  readonly modules: number;
  /** Suspensions that a handler received, or `switch` passed on. An estimate, from the modules that count. */
  readonly suspensions: number;
  /** How often programs were interrupted by the host and resumed. */
  readonly rewinds: number;
  /** Calls by how they ended. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Of the modules that count: which share did it at all, and how often they did it in all. */
  readonly events: ReadonlyMap<string, { readonly share: number; readonly count: number }>;
  /** Modules the engine crashed on or did not get done with. */
  readonly lost: number;
  /** Modules that Binaryen's instrumenter refused, by reason. */
  readonly refused: ReadonlyMap<string, number>;
}

/** Counts what programs did. */
export class Tally {
  modules = 0;
  #lost = 0;
  #rewinds = 0;
  #counting = 0;
  readonly #outcomes = new Map<string, number>();
  readonly #refused = new Map<string, number>();
  readonly #events = new Map<string, { modules: number; count: number }>();

  add({ trace, rewinds, refused }: Checked, lost: boolean): void {
    this.modules++;
    if (lost) this.#lost++;
    this.#rewinds += rewinds;
    for (const reason of refused) increment(this.#refused, reason);
    if (trace === null) return;
    for (const { outcome } of trace.runs) increment(this.#outcomes, outcome.split(' ')[0] ?? '');
    if (!STATS.some((stat) => `stat:${stat}` in trace.globals)) return;
    this.#counting++;
    for (const stat of STATS) {
      const count = Number(trace.globals[`stat:${stat}`] ?? 0);
      const known = this.#events.get(stat) ?? { modules: 0, count: 0 };
      this.#events.set(stat, { modules: known.modules + (count > 0 ? 1 : 0), count: known.count + count });
    }
  }

  coverage(): Coverage {
    const count = (stat: string): number => this.#events.get(stat)?.count ?? 0;
    const share = (modules: number): number => (this.#counting === 0 ? 0 : modules / this.#counting);
    return {
      modules: this.modules,
      suspensions: Math.round((count('handled') + count('switches')) * share(this.modules)),
      rewinds: this.#rewinds,
      outcomes: this.#outcomes,
      events: new Map(
        [...this.#events].map(([stat, { modules, count: all }]) => [stat, { share: share(modules), count: all }]),
      ),
      lost: this.#lost,
      refused: this.#refused,
    };
  }
}

function increment(map: Map<string, number>, key: string): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}

/** A few lines that say what was reached. */
export function describeCoverage(coverage: Coverage): string[] {
  const { modules, suspensions, rewinds, outcomes, events, lost, refused } = coverage;
  const list = (map: ReadonlyMap<string, number>): string => [...map].map(([key, n]) => `${n} ${key}`).join(', ');
  const lines = [`${modules} modules, about ${suspensions} suspensions, ${rewinds} rewinds by the host`];
  lines.push(`calls ended: ${list(outcomes)}`);
  if (events.size > 0) {
    const shares = [...events].map(([stat, { share }]) => `${stat} ${Math.round(share * 100)}%`);
    lines.push(`share of modules that reached: ${shares.join(', ')}`);
  }
  if (lost > 0) lines.push(`${lost} modules lost to the engine`);
  if (refused.size > 0) lines.push(`refused by Binaryen's instrumenter: ${list(refused)}`);
  return lines;
}
