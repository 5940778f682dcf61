/** Who runs guest code on this thread's native stack, seen from the guest. */
export interface RunningHost {
  /**
   * A poll could not suspend: a host function stands between. What this throws by `raiseAs` no guest handler sees.
   *
   * @returns how many polls may pass before it is told again; below 0: the guest traps
   */
  polled(): number;
  /** A call of an import is over, which may have taken long, or the guest is to yield. What this throws by `raiseAs` no guest handler sees. */
  returned(): void;
  /** Calls a suspending import and returns what it returns. */
  call(entry: SuspendableImport, args: readonly unknown[]): unknown;
}

/** An import of an instance's that may wait. */
export interface SuspendableImport {
  /** `module.name` */
  readonly name: string;
  readonly func: (...args: unknown[]) => unknown;
  /** Tells one instance's imports from another's. */
  readonly identity: object;
}

/** Where nobody runs the guest who could be told, it need not ask again. */
const NEVER = 0x7fff_ffff;
let running: RunningHost | null = null;

/** The innermost one; null: guest code on the stack was called by others. */
export const runningHost = (): RunningHost | null => running;

/** To be set before guest code is run, and set back after. */
export function setRunning(host: RunningHost | null): void {
  running = host;
}

export const polled = (): number => (running === null ? NEVER : running.polled());
export const returned = (): void => running?.returned();

let table: WebAssembly.Table | undefined;
/** Whether it is a function of an instance's: those are linked by their types, which a function around them has not. */
export function isExported(func: unknown): boolean {
  table ??= new WebAssembly.Table({ element: 'anyfunc', initial: 1 });
  try {
    table.set(0, func);
  } catch {
    return false;
  }
  table.set(0, null);
  return true;
}

/** The function of a suspending import, such that who runs the guest knows which call of it is the innermost. */
export function suspendable<F extends (...args: never[]) => unknown>(name: string, given: F, identity: object): F {
  if (isExported(given)) return given;
  const func = given as unknown as SuspendableImport['func'];
  const entry = { name, func, identity };
  const call: SuspendableImport['func'] = (...args) => (running === null ? func(...args) : running.call(entry, args));
  return call as unknown as F;
}

const identities = new WeakMap<WebAssembly.Instance, object>();

/** An instance was made with imports of this identity. */
export function identify(instance: WebAssembly.Instance, identity: object): void {
  identities.set(instance, identity);
}

/** The identity of an instance's imports; undefined: it was made by others. */
export const identityOf = (instance: WebAssembly.Instance): object | undefined => identities.get(instance);
