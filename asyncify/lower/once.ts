/** Makes a thing for each key when it is first asked for, and hands out the same one after that. */
export function once<T, K = string>(): (key: K, make: () => T) => T {
  const known = new Map<K, { readonly value: T }>();
  return (key, make) => {
    const entry = known.get(key);
    if (entry !== undefined) return entry.value;
    const value = make();
    known.set(key, { value });
    return value;
  };
}
