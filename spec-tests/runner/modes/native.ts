import type { Exports, Failure, Imports, Mode, ModeStore, Phase } from './mode.ts';

/** The engine as it is. Engines do not tell malformed from invalid: both are `rejected`. */
export const nativeMode: Mode = { name: 'native', createStore: () => nativeStore };

const nativeStore: ModeStore<WebAssembly.Module> = {
  compile: (bytes) => new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>),
  instantiate: (module, imports: Imports): Exports =>
    new WebAssembly.Instance(module, imports as WebAssembly.Imports).exports,
  classify: classifyEngineError,
};

/** Classifies what the engine itself throws; other modes fall back on it. */
export function classifyEngineError(error: unknown, phase: Phase): Failure {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof WebAssembly.CompileError) {
    return { kind: phase === 'compile' ? 'rejected' : 'bug', message };
  }
  if (error instanceof WebAssembly.Exception) return { kind: 'exception', message };
  if (error instanceof WebAssembly.LinkError) return { kind: 'link', message };
  // A missing import namespace is a TypeError in the JavaScript API.
  if (phase === 'instantiate' && error instanceof TypeError) return { kind: 'link', message };
  if (isUnhandledSuspension(error)) return { kind: 'suspension', message };
  if (isStackExhaustion(error, message)) return { kind: 'exhaustion', message };
  if (error instanceof WebAssembly.RuntimeError) return { kind: 'trap', message };
  return { kind: 'bug', message };
}

// WebAssembly.SuspendError, where the engine has it.
function isUnhandledSuspension(error: unknown): boolean {
  return error instanceof Error && error.name === 'SuspendError';
}

// V8 and JavaScriptCore throw a RangeError, also for other causes; SpiderMonkey an InternalError.
function isStackExhaustion(error: unknown, message: string): boolean {
  return (error instanceof RangeError && /call stack/.test(message)) || /^too much recursion/.test(message);
}
