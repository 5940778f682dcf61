import { externType, recGroup } from './binary/decode-types.ts';
import { Reader } from './binary/reader.ts';
import type { RecGroup } from './binary/types.ts';
import { MalformedError, RefusedError } from './errors.ts';
import { BRAND_BYTES, BRAND_FIELDS_BYTES, type Brand, brandFields } from './lower/brand.ts';
import { RUNTIME_MODULE } from './lower/interface.ts';
import { hasRuntimeShape, runtimeGroup, T } from './lower/runtime-types.ts';
import { decodeManifest, MANIFEST_SECTION, type Manifest, ManifestError } from './manifest.ts';

const CUSTOM = 0;
const TYPE = 1;
const IMPORT = 2;

/** A group of the runtime's shape in a module, and where it is in the bytes. */
interface Found {
  readonly group: RecGroup;
  /** Of its first type. */
  readonly index: number;
  readonly at: number;
  readonly end: number;
}

interface Contents {
  /** Where the contents of sections of the manifest's name begin and end. */
  readonly manifests: readonly (readonly [number, number])[];
  readonly groups: readonly Found[];
  /** It imports from the runtime. */
  readonly importsRuntime: boolean;
}

/**
 * Looks at a module before it is compiled (all that enters an engine goes by here): one that was transformed gets its own
 * brand in the place of that which it has, as everybody may know that one.
 *
 * @param brandOf the brand of a transformed module from here on
 * @returns the bytes to compile. What is no module this version can read comes back as it is, for the engine or whoever reads the
 * manifest to say so
 * @throws RefusedError for a module that declares the runtime's types beside those that it may have
 * @throws ManifestError for one that says it was transformed and whose types say something else
 */
export function admit(bytes: Uint8Array<ArrayBuffer>, brandOf: (manifest: Manifest) => Brand): Uint8Array<ArrayBuffer> {
  const contents = readContents(bytes);
  if (contents === null) return bytes;
  const { manifests, groups, importsRuntime } = contents;
  const [section] = manifests;
  if (section === undefined) {
    const [found] = groups;
    // Where it imports from the runtime too, its manifest has been lost.
    if (found !== undefined && !importsRuntime) refuse(found);
    return bytes;
  }
  const manifest = manifests.length === 1 ? readManifest(bytes.subarray(...section)) : null;
  if (manifest === null) return bytes;
  const [own, ...more] = groups;
  if (own === undefined) {
    // Binaryen drops types that nothing uses.
    if (manifest.instrumenter === 'binaryen') return bytes;
    throw new ManifestError(
      'malformed',
      "the module says that it was transformed, and has none of the runtime's types",
    );
  }
  if (more[0] !== undefined) refuse(more[0]);
  if (hasOtherBrand(own.group, manifest.brand)) {
    throw new ManifestError('malformed', "the runtime's types in the module have another brand than its manifest");
  }
  const brand = brandOf(manifest);
  const result = bytes.slice();
  result.set(brand, section[0] + formatSize(bytes, section[0]));
  const encoded = brandFields(brand).flatMap(({ type, mutable }) => [
    NUMBER_CODES[type as NumberType],
    Number(mutable),
  ]);
  result.set(encoded, own.end - BRAND_FIELDS_BYTES);
  return result;
}

const NUMBER_CODES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c } as const;
type NumberType = keyof typeof NUMBER_CODES;

/** The brand stands behind the number of the format. */
function formatSize(bytes: Uint8Array, at: number): number {
  const reader = new Reader(bytes.subarray(at, at + BRAND_BYTES));
  reader.u32();
  return reader.pos;
}

function hasOtherBrand(group: RecGroup, brand: Brand): boolean {
  const expected = runtimeGroup(brand)[T.brand]?.comp;
  const found = group[T.brand]?.comp;
  return JSON.stringify(found) !== JSON.stringify(expected);
}

function readManifest(content: Uint8Array): Manifest | null {
  try {
    return decodeManifest(content);
  } catch (error) {
    if (error instanceof ManifestError) return null;
    throw error;
  }
}

function refuse({ index, at }: Pick<Found, 'index' | 'at'>): never {
  const message = `types ${index} to ${index + T.brand} are those of the runtime, which no program may have`;
  throw new RefusedError(message, { offset: at });
}

/** @throws RefusedError where a module that is to be transformed declares the runtime's types, whatever their brand */
export function refuseRuntimeTypes(recGroups: readonly RecGroup[]): void {
  let index = 0;
  for (const group of recGroups) {
    if (hasRuntimeShape(group, index)) refuse({ index, at: group[0]?.at ?? 0 });
    index += group.length;
  }
}

/** Null: this is no module, or one of types that are not known here. */
function readContents(bytes: Uint8Array): Contents | null {
  const manifests: [number, number][] = [];
  const groups: Found[] = [];
  let importsRuntime = false;
  const reader = new Reader(bytes);
  try {
    reader.skip(8);
    while (reader.pos < reader.end) {
      const id = reader.byte();
      const outer = reader.enter(reader.u32());
      if (id === CUSTOM && reader.name() === MANIFEST_SECTION) manifests.push([reader.pos, reader.end]);
      else if (id === TYPE) groups.push(...runtimeGroups(reader));
      else if (id === IMPORT) importsRuntime = importsFromRuntime(reader);
      reader.skip(reader.end - reader.pos);
      reader.leave(outer, 'section size mismatch');
    }
  } catch (error) {
    if (error instanceof MalformedError) return null;
    throw error;
  }
  return { manifests, groups, importsRuntime };
}

function runtimeGroups(reader: Reader): Found[] {
  const found: Found[] = [];
  let index = 0;
  for (let left = reader.count(); left > 0; left--) {
    const at = reader.pos;
    const group = recGroup(reader);
    if (hasRuntimeShape(group, index)) found.push({ group, index, at, end: reader.pos });
    index += group.length;
  }
  return found;
}

function importsFromRuntime(reader: Reader): boolean {
  let found = false;
  for (let left = reader.count(); left > 0; left--) {
    if (reader.name() === RUNTIME_MODULE) found = true;
    reader.name();
    externType(reader);
  }
  return found;
}
