/** Makes a thing for each key when it is first asked for, and hands out the same one after that. */
export function once<T extends object | number, K = string>(): (key: K, make: () => T) => T {
  const known = new Map<K, T>();
  return (key, make) => {
    const found = known.get(key);
    if (found !== undefined) return found;
    const value = make();
    known.set(key, value);
    return value;
  };
}
