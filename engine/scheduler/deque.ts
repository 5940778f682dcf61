/** A queue that grows as it has to; every step takes constant time on average. */
export class Deque<T> {
  #items: (T | undefined)[] = new Array(16);
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    if (this.#size === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#size++) & (this.#items.length - 1)] = item;
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#size--;
    return item;
  }

  #grow(): void {
    const items = this.#items;
    const length = items.length;
    const grown: (T | undefined)[] = new Array(length * 2);
    for (let index = 0; index < length; index++) grown[index] = items[(this.#head + index) & (length - 1)];
    this.#items = grown;
    this.#head = 0;
  }
}
