import type { Expr } from '../binary/module.ts';
import type { TagIdx } from '../binary/types.ts';

/** Where in the code an exception is thrown, as far as handlers go: all points that the same handlers enclose. */
export class Region {
  /** The region whose exceptions go the same way: itself, unless its `try` has no handlers of its own. */
  target: Region = this;
  /** Whether exceptions are delegated here past other handlers: they jump to the region's landing and are thrown there. */
  lands = false;
  /** The level of the landing, while it is open. */
  landing = 0;
}

export interface Clause {
  /** null: `catch_all`. */
  readonly tag: TagIdx | null;
  /** Whether some `rethrow` names it. */
  rethrown: boolean;
}

/** What is known of a `try` or `try_table` once its end has been seen. */
export interface Plan {
  readonly outer: Region;
  readonly inner: Region;
  readonly clauses: Clause[];
  /** Where a `try` without clauses passes its exceptions; null for what has handlers. */
  passes: Region | null;
}

/** The plans of a body's `try`s and `try_table`s in the order they open. */
export function planBody(body: Expr, root: Region): readonly Plan[] {
  const plans: Plan[] = [];
  const open: { region: Region; readonly plan: Plan | null }[] = [{ region: root, plan: null }];
  const at = (depth: number) => open[open.length - 1 - depth] as (typeof open)[number];
  for (const instr of body) {
    const { region: outer, plan: current } = at(0);
    switch (instr.op) {
      case 'block':
      case 'loop':
      case 'if':
        open.push({ region: outer, plan: null });
        break;
      case 'try':
      case 'try_table': {
        const plan: Plan = { outer, inner: new Region(), clauses: [], passes: null };
        plans.push(plan);
        if (instr.op === 'try') plan.passes = outer;
        open.push({ region: plan.inner, plan });
        break;
      }
      case 'catch':
      case 'catch_all':
        if (current === null) break;
        current.clauses.push({ tag: instr.op === 'catch' ? instr.tag : null, rethrown: false });
        current.passes = null;
        at(0).region = current.outer;
        break;
      case 'rethrow': {
        const clause = at(instr.label).plan?.clauses.at(-1);
        if (clause !== undefined) clause.rethrown = true;
        break;
      }
      case 'delegate':
        open.pop();
        if (current !== null) current.passes = at(instr.label).region;
        break;
      case 'end':
        open.pop();
        break;
    }
  }
  // Exceptions pass outward only, so what they pass to has its own target already.
  for (const { outer, inner, passes } of plans) {
    if (passes === null) continue;
    inner.target = passes.target;
    if (inner.target !== outer.target) inner.target.lands = true;
  }
  return plans;
}
