import { transform } from '../../../asyncify/index.ts';
import { InvariantChecker, InvariantError } from '../../../continuations/checks.ts';
import { Store } from '../../../continuations/index.ts';
import { chaosStore } from './chaos.ts';
import { frames } from './frames.ts';
import type { Mode, ModeStore } from './mode.ts';

/** Test builds of the modes without the suffix: the runtime's invariants are checked at every transition. */
export const CHECKED_MODE_NAMES = ['frames-checked', 'closed-checked', 'frames-chaos-checked'] as const;
export type CheckedModeName = (typeof CHECKED_MODE_NAMES)[number];

export function checkedMode(name: CheckedModeName): Mode {
  return {
    name,
    createStore({ links }, tally) {
      const checker = new InvariantChecker();
      const store = new Store({ checks: checker });
      switch (name) {
        case 'frames-checked':
          return strict(
            frames((bytes) => transform(bytes, { checks: true }), tally, store),
            checker,
          );
        case 'closed-checked': {
          const linking = links ? 'linked' : 'closed';
          return strict(
            frames((bytes) => transform(bytes, { linking, checks: true }), tally, store),
            checker,
          );
        }
        case 'frames-chaos-checked':
          return strict(
            chaosStore((bytes) => transform(bytes, { yields: 'fuel', checks: true }), tally, new Set(), store),
            checker,
          );
        default:
          return name satisfies never;
      }
    },
  };
}

/** No assertion accepts the failure of an invariant, nor what comes after one. */
export function strict(store: ModeStore, checker: InvariantChecker): ModeStore {
  return {
    ...store,
    classify(error, phase) {
      const violation = error instanceof InvariantError ? error : checker.violation;
      return violation === null ? store.classify(error, phase) : { kind: 'bug', message: violation.message };
    },
  };
}
