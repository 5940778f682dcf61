import { HOST_EXPORTS } from '../../asyncify/lower/interface.ts';
import { type HostManifest, ManifestError } from '../../asyncify/manifest.ts';

/** Parameters of what every module for a host exports. */
const FUNCTIONS = [
  [HOST_EXPORTS.resume, 1],
  [HOST_EXPORTS.canSuspend, 0],
  [HOST_EXPORTS.suspend, 0],
  [HOST_EXPORTS.refuel, 1],
] as const;
const GLOBALS = [HOST_EXPORTS.fuel, HOST_EXPORTS.epoch, HOST_EXPORTS.pending] as const;

/**
 * Checks that an instance has what its manifest promises to a host (HOST_EXPORTS), so that a module that was damaged or made up is refused
 * by name, and not where something is missing in the middle of a run.
 *
 * @throws ManifestError `malformed`
 */
export function checkHostExports(exports: WebAssembly.Exports, host: HostManifest): void {
  for (const [name, params] of FUNCTIONS) requireFunction(exports, name, params);
  for (const name of GLOBALS) if (!isCounter(exports[name])) lacks(name);
  if (exports[HOST_EXPORTS.throw] !== undefined) requireFunction(exports, HOST_EXPORTS.throw, 2);
  const memory = exports[HOST_EXPORTS.epochMemory];
  const isMemory = memory instanceof WebAssembly.Memory;
  if ((memory !== undefined && !isMemory) || (host.epochWord === 'shared' && !isMemory))
    lacks(HOST_EXPORTS.epochMemory);
  for (const entry of host.entries) {
    requireFunction(exports, HOST_EXPORTS.new(entry), null);
    requireFunction(exports, HOST_EXPORTS.results(entry), 0);
  }
}

function requireFunction(exports: WebAssembly.Exports, name: string, params: number | null): void {
  const func = exports[name];
  if (typeof func !== 'function' || (params !== null && func.length !== params)) lacks(name);
}

/** A mutable `i32`. */
function isCounter(global: unknown): boolean {
  if (!(global instanceof WebAssembly.Global)) return false;
  try {
    const { value } = global;
    if (typeof value !== 'number') return false;
    global.value = value;
    return true;
  } catch {
    // It is immutable, or JavaScript has no values of its type.
    return false;
  }
}

function lacks(name: string): never {
  throw new ManifestError(
    'malformed',
    `the module's manifest promises "${name}" to the host, and it has no such export`,
  );
}

/** @throws ManifestError for what no module of the transform's says */
export function outcomeOf(value: number): number {
  if (value === 0 || value === 1 || value === 2) return value;
  throw new ManifestError('malformed', `"${HOST_EXPORTS.resume}" has returned ${String(value)}, which is no outcome`);
}
