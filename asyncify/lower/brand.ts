import type { FieldType, NumType } from '../binary/types.ts';
import { sha256 } from './sha256.ts';

/**
 * Wasm's types are structural: whoever declares the runtime's types has them. So the group of the runtime's types holds one more,
 * which nothing is ever an instance of and whose fields spell out a number: the brand. Modules of different brands have different
 * types, and a guest that does not know the brand cannot declare them.
 */
export type Brand = Uint8Array & { readonly __brand?: 'Brand' };

export const BRAND_BYTES = 16;
/** What modules are branded with that are to link with each other wherever they are transformed. */
export const LINKED_BRAND: Brand = new Uint8Array(BRAND_BYTES);

/** How many fields spell a brand: three bits each. */
export const BRAND_FIELDS = Math.ceil((BRAND_BYTES * 8) / 3);
/** Bytes of the fields in the binary format: a type and a mutability each. */
export const BRAND_FIELDS_BYTES = 2 * BRAND_FIELDS;

const TYPES: readonly NumType[] = ['i32', 'i64', 'f32', 'f64'];

export function brandFields(brand: Brand): FieldType[] {
  return Array.from({ length: BRAND_FIELDS }, (_, field) => {
    const bits = bitsAt(brand, field * 3);
    return { type: TYPES[bits & 3] as NumType, mutable: (bits & 4) !== 0 };
  });
}

function bitsAt(bytes: Uint8Array, at: number): number {
  let bits = 0;
  for (let bit = 0; bit < 3; bit++) {
    const place = at + bit;
    bits |= (((bytes[place >> 3] ?? 0) >> (place & 7)) & 1) << bit;
  }
  return bits;
}

/** Whether fields spell some brand. */
export function spellsBrand(fields: readonly FieldType[]): boolean {
  return fields.length === BRAND_FIELDS && fields.every(({ type }) => TYPES.includes(type as NumType));
}

/**
 * What a module is branded with at build time, where it is not said: closed modules by what they were made of, so that the output is the same each
 * time; linked ones all alike.
 *
 * @throws RangeError for a brand of another length
 */
export function brandFor(given: Uint8Array | undefined, linking: 'closed' | 'linked', source: Uint8Array): Brand {
  if (given !== undefined) {
    if (!(given instanceof Uint8Array) || given.length !== BRAND_BYTES) {
      throw new RangeError(`a brand has ${BRAND_BYTES} bytes`);
    }
    return given.slice();
  }
  return linking === 'linked' ? LINKED_BRAND : sha256(source).subarray(0, BRAND_BYTES);
}

/** A brand that nobody else knows. */
export function secretBrand(): Brand {
  return crypto.getRandomValues(new Uint8Array(BRAND_BYTES));
}

export const sameBrand = (one: Brand, other: Brand): boolean => one.every((byte, at) => byte === other[at]);
