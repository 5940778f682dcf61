import { type Linking, transform } from '../../../asyncify/index.ts';
import { InvariantChecker } from '../../../continuations/checks.ts';
import { Store } from '../../../continuations/index.ts';
import { strict } from './checked.ts';
import { frames } from './frames.ts';
import type { Mode } from './mode.ts';

/** Scripts recurse without end to see that they are stopped. */
const FRAMES = 2000;

/** Functions that call each other have no room on the native stack: each entry turns all activations into frames. */
const deepMode = (linking: Linking): Mode => ({
  name: `deep-${linking}`,
  createStore({ links }, tally) {
    const checks = new InvariantChecker();
    const store = new Store({ nativeStack: 0, frameLimit: FRAMES, checks });
    const how = { linking: links ? 'linked' : linking, depth: 'heap', checks: true } as const;
    return strict(
      frames((bytes) => transform(bytes, how), tally, store),
      checks,
    );
  },
});

export const DEEP_MODES: readonly Mode[] = [deepMode('closed'), deepMode('linked')];
