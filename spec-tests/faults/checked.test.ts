import { join } from 'node:path';
import { describe, it } from 'vitest';
import { CHECKED_MODE_NAMES, loadMode } from '../runner/index.ts';
import { expectPass, scriptsIn } from '../scripts.ts';

const root = join(import.meta.dirname, '..');
/** Millions of transitions. */
const SLOW = 300_000;

describe.each(await Promise.all(CHECKED_MODE_NAMES.map(loadMode)))('own suites, $name', (mode) => {
  const scripts = ['suites', 'regressions'].flatMap((folder) =>
    scriptsIn(join(root, folder)).map((name) => join(folder, name)),
  );
  it.each(scripts)('%s', async (name) => expectPass(join(root, name), mode), SLOW);
});
