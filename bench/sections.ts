import { Reader } from '../asyncify/binary/reader.ts';

const HEADER = 8;
const CODE = 10;

/** The size of a module's code section in bytes, without its header; 0 where it has none. */
export function codeBytes(module: Uint8Array): number {
  const reader = new Reader(module, HEADER);
  while (reader.peek() >= 0) {
    const id = reader.byte();
    const size = reader.u32();
    if (id === CODE) return size;
    reader.pos += size;
  }
  return 0;
}
