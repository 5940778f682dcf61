import { bundle } from './build.ts';

/** Tests of the command line and of the README run what users get: the bundles. */
export async function setup(): Promise<void> {
  await bundle();
}
