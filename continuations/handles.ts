/**
 * What a host has of a guest's continuation object: a handle, which can be passed to the functions that take it, spawned, and compared. To any
 * other guest that gets it through an `anyref` or `externref` it is an object of JavaScript like others.
 */
export class ContinuationHandle {
  readonly #object: object;

  constructor(object: object) {
    this.#object = object;
    Object.freeze(this);
  }

  static objectOf(handle: ContinuationHandle): object {
    return handle.#object;
  }

  static is(value: unknown): value is ContinuationHandle {
    return typeof value === 'object' && value !== null && #object in value;
  }
}

/** One handle an object. */
const handles = new WeakMap<object, ContinuationHandle>();

/** The handle of a continuation object; null for null. */
export function wrap(object: object | null): ContinuationHandle | null {
  if (object === null) return null;
  let handle = handles.get(object);
  if (handle === undefined) {
    handle = new ContinuationHandle(object);
    handles.set(object, handle);
  }
  return handle;
}

/** What a handle is of; anything else stays what it is. */
export const unwrap = (value: unknown): unknown =>
  ContinuationHandle.is(value) ? ContinuationHandle.objectOf(value) : value;

/** A function of the host's as a guest calls it: it gets handles at these places, and may return them. */
export function withHandles(func: (...args: never[]) => unknown, places: readonly number[]): unknown {
  return (...args: unknown[]): unknown => {
    for (const place of places) args[place] = wrap(args[place] as object | null);
    const result = (func as (...args: unknown[]) => unknown)(...args);
    // Several results are anything that can be iterated (JavaScript API, "create a host function").
    return isSeveral(result) ? Array.from(result, unwrap) : unwrap(result);
  };
}

const isSeveral = (value: unknown): value is Iterable<unknown> =>
  typeof value === 'object' && value !== null && Symbol.iterator in value;
