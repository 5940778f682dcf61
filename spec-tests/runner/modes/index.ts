import { loadBinaryenModes } from './binaryen.ts';
import { chaosMode } from './chaos.ts';
import { CHECKED_MODE_NAMES, type CheckedModeName, checkedMode } from './checked.ts';
import { closedMode, framesMode, roundtripMode, sizeMode, yieldMode } from './frames.ts';
import type { Mode } from './mode.ts';
import { nativeMode } from './native.ts';

/** Every mode, in the order they are reported. */
export const MODE_NAMES = [
  'native',
  'roundtrip',
  'frames',
  'closed',
  'frames-size',
  'frames-yield',
  'frames-chaos',
  'binaryen-yield',
  'binaryen-chaos',
] as const;
export type ModeName = (typeof MODE_NAMES)[number];
export { CHECKED_MODE_NAMES, type CheckedModeName };

/** The mode of this name; those of Binaryen's instrumenter take some time to load. */
export async function loadMode(name: ModeName | CheckedModeName): Promise<Mode> {
  switch (name) {
    case 'native':
      return nativeMode;
    case 'roundtrip':
      return roundtripMode;
    case 'frames':
      return framesMode;
    case 'closed':
      return closedMode;
    case 'frames-size':
      return sizeMode;
    case 'frames-yield':
      return yieldMode;
    case 'frames-chaos':
      return chaosMode;
    case 'binaryen-yield':
      return (await loadBinaryenModes()).yieldMode;
    case 'binaryen-chaos':
      return (await loadBinaryenModes()).chaosMode;
    case 'frames-checked':
    case 'closed-checked':
    case 'frames-chaos-checked':
      return checkedMode(name);
    default:
      return name satisfies never;
  }
}
