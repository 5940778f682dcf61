export type { KnownFailure } from './known-failures.ts';
export { loadKnownFailures } from './known-failures.ts';
export type { Exports, Failure, FailureKind, Imports, Mode, ModeStore, Phase } from './modes/mode.ts';
export { classifyEngineError, nativeMode } from './modes/native.ts';
export type { FileReport, RunReport, Totals } from './report.ts';
export type { RunOptions, RunOutput, RunResult } from './run.ts';
export { PathError, runPaths } from './run.ts';
export { parseText } from './text.ts';
