import { join } from 'node:path';
import { describe, it } from 'vitest';
import { DEEP_MODES } from './runner/modes/deep.ts';
import { expectPass, official, scriptsIn } from './scripts.ts';

/** They need more frames than the mode allows, or make a million calls: with no room each of these unwinds. */
const LARGE: ReadonlySet<string> = new Set(['deep.wast', 'tail-calls.wast']);
/** What of the official suite calls functions in ways that count. */
const CALLS =
  /^(?:call|call_indirect|call_ref|try_table|throw|return_call\w*|br_table|start|stack-switching\/.*)\.wast$/;

const suites = join(import.meta.dirname, 'suites');

describe.each(DEEP_MODES)('$name', (mode) => {
  it.each(scriptsIn(suites).filter((name) => !LARGE.has(name)))('%s', async (name) => {
    await expectPass(join(suites, name), mode);
  });
  it.each(scriptsIn(official).filter((name) => CALLS.test(name)))('official %s', async (name) => {
    await expectPass(join(official, name), mode);
  });
});
