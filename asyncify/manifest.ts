import { memoryType } from './binary/decode-types.ts';
import { writeLimits } from './binary/encode-types.ts';
import { importsOf, type Limits, type Module } from './binary/module.ts';
import type { Instr } from './binary/opcodes.ts';
import { Reader } from './binary/reader.ts';
import type { FuncIdx } from './binary/types.ts';
import { Writer } from './binary/writer.ts';
import { BobbinError, MalformedError, RefusedError } from './errors.ts';
import type { HostSuspensions } from './instrument/analysis.ts';
import type { Linking } from './instrument/frames/state.ts';
import type { EpochWord, Poll } from './instrument/polls.ts';
import { BRAND_BYTES, type Brand } from './lower/brand.ts';
import type { ModuleInfo } from './validate/index.ts';
import { VERSION } from './version.ts';

/** The name of the custom section that every transformed module has, once. */
export const MANIFEST_SECTION = 'bobbin';
/** What this version writes, and the only one it reads. Any change of the format, or of what a runtime has to do, is another. */
export const MANIFEST_FORMAT = 3;

export type InstrumenterName = 'frames' | 'binaryen';

/** An import by its two names. */
export interface ImportName {
  readonly module: string;
  readonly name: string;
}

/** A memory of the source's, and where a host finds it. */
export interface MemoryManifest {
  readonly address: Limits['address'];
  /** In pages. */
  readonly min: number;
  readonly max: number | null;
  /** Whether it is in the output. */
  readonly shared: boolean;
  /** The import that it is; null: the module defines it. */
  readonly import: ImportName | null;
  /** The first export of a defined memory; null: it has none, or is imported. */
  readonly export: string | null;
}

/** How a module can be run inside continuations by its host (engine/, Process). */
export interface HostManifest {
  /** What its yield points ask; `none`: it has none. */
  readonly poll: Poll | 'none';
  /** Where the word of `epoch` polls lies; null: it has none of these. */
  readonly epochWord: EpochWord | null;
  /** The imported functions whose calls may be suspended, in the order of the imports. */
  readonly suspending: readonly ImportName[];
  /** The exported functions that can be started as the body of a continuation. */
  readonly entries: readonly string[];
  /** Its memories, by index: those that it imports are for the host to make, and functions of `bobbin:atomics` name them. */
  readonly memories: readonly MemoryManifest[];
  /** Whether it has atomic waits in shared memories that block the host's thread, and with it all threads that run on that. */
  readonly nativeWaits: boolean;
}

/** What a transformed module says of itself. */
export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT;
  /** The version of the transform that made it. */
  readonly version: string;
  readonly linking: Linking;
  readonly instrumenter: InstrumenterName;
  /** Of the runtime's types in it (asyncify/lower/brand.ts). Modules link with each other where they have the same. */
  readonly brand: Brand;
  /** Null: it was transformed for stack switching only, and no process can run it. */
  readonly host: HostManifest | null;
}

export type ManifestProblem =
  /** The module imports from the runtime and has no manifest. */
  | 'missing'
  /** The section is no manifest, or there are several. */
  | 'malformed'
  /** It is of a format that this version does not know. */
  | 'unsupported'
  /** It is linked, and has another brand than what its store has linked before. */
  | 'brand';

/** A module that claims to be transformed, and that this version cannot run. */
export class ManifestError extends BobbinError {
  readonly kind = 'manifest';
  override readonly name = 'ManifestError';
  readonly problem: ManifestProblem;
  /** Byte offset in the section's content; null where none is to blame. */
  readonly offset: number | null;
  constructor(problem: ManifestProblem, message: string, offset: number | null = null) {
    super(offset === null ? message : `${message} (at byte ${offset} of the custom section "${MANIFEST_SECTION}")`);
    this.problem = problem;
    this.offset = offset;
  }
}

const LINKING = ['closed', 'linked'] as const satisfies readonly Linking[];
const INSTRUMENTERS = ['frames', 'binaryen'] as const satisfies readonly InstrumenterName[];
const POLLS = ['none', 'fuel', 'epoch'] as const satisfies readonly HostManifest['poll'][];
const EPOCH_WORDS = ['global', 'shared'] as const satisfies readonly EpochWord[];
const PLACES = ['none', 'import', 'export'] as const;
const PRESENT = [false, true] as const;

/** The content of the custom section; docs/architecture.md has the grammar. */
export function encodeManifest(manifest: Manifest): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  const choice = (of: readonly unknown[], value: unknown): void => writer.byte(of.indexOf(value));
  writer.u32(manifest.format);
  // At a fixed place: it is written anew where the module is loaded.
  writer.raw(manifest.brand);
  writer.name(manifest.version);
  choice(LINKING, manifest.linking);
  choice(INSTRUMENTERS, manifest.instrumenter);
  const { host } = manifest;
  choice(PRESENT, host !== null);
  if (host !== null) {
    choice(POLLS, host.poll);
    if (host.poll === 'epoch') choice(EPOCH_WORDS, host.epochWord);
    writer.vec(host.suspending, (_, { module, name }) => {
      writer.name(module);
      writer.name(name);
    });
    writer.vec(host.entries, (_, name) => writer.name(name));
    writer.vec(host.memories, (_, memory) => writeMemory(writer, memory));
    choice(PRESENT, host.nativeWaits);
  }
  return writer.finish();
}

function writeMemory(writer: Writer, memory: MemoryManifest): void {
  const { address, shared, min, max } = memory;
  writeLimits(writer, { address, shared, min: BigInt(min), max: max === null ? null : BigInt(max) });
  if (memory.import !== null) {
    writer.byte(PLACES.indexOf('import'));
    writer.name(memory.import.module);
    writer.name(memory.import.name);
  } else if (memory.export !== null) {
    writer.byte(PLACES.indexOf('export'));
    writer.name(memory.export);
  } else writer.byte(PLACES.indexOf('none'));
}

/** @throws ManifestError where the bytes are no manifest, or one of another format */
export function decodeManifest(bytes: Uint8Array): Manifest {
  const reader = new Reader(bytes);
  try {
    const format = reader.u32();
    if (format !== MANIFEST_FORMAT) {
      const message = `the module's manifest has format ${format}, and this version of Bobbin reads ${MANIFEST_FORMAT}`;
      throw new ManifestError('unsupported', message, 0);
    }
    const manifest: Manifest = {
      format,
      brand: reader.take(BRAND_BYTES).slice(),
      version: reader.name(),
      linking: choose(reader, LINKING, 'linking'),
      instrumenter: choose(reader, INSTRUMENTERS, 'instrumenter'),
      host: choose(reader, PRESENT, 'presence') ? readHost(reader) : null,
    };
    if (reader.pos !== bytes.length) throw malformed('bytes after its end', reader.pos);
    return manifest;
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw malformed(error.message.replace(/ \(at byte \d+\)$/, ''), error.offset);
  }
}

function readHost(reader: Reader): HostManifest {
  const poll = choose(reader, POLLS, 'poll');
  return {
    poll,
    epochWord: poll === 'epoch' ? choose(reader, EPOCH_WORDS, 'place of the epoch word') : null,
    suspending: reader.vec(() => ({ module: reader.name(), name: reader.name() })),
    entries: reader.vec(() => reader.name()),
    memories: reader.vec(() => {
      const limits = readLimits(reader);
      const place = choose(reader, PLACES, 'place of a memory');
      return {
        ...limits,
        import: place === 'import' ? { module: reader.name(), name: reader.name() } : null,
        export: place === 'export' ? reader.name() : null,
      };
    }),
    nativeWaits: choose(reader, PRESENT, 'presence'),
  };
}

/** No memory has more pages: 64 bits of addresses. */
const MAX_PAGES = 2 ** 48;

function inNumbers({ address, min, max, shared }: Limits): Pick<MemoryManifest, keyof Limits> {
  return { address, min: Number(min), max: max === null ? null : Number(max), shared };
}

function readLimits(reader: Reader): Pick<MemoryManifest, keyof Limits> {
  const at = reader.pos;
  const limits = inNumbers(memoryType(reader));
  if (Math.max(limits.min, limits.max ?? 0) > MAX_PAGES) throw malformed('a memory of too many pages', at);
  return limits;
}

function choose<T>(reader: Reader, of: readonly T[], what: string): T {
  const byte = reader.byte();
  const value = of[byte];
  if (value === undefined) throw malformed(`${byte} is no ${what}`, reader.pos - 1);
  return value;
}

function malformed(message: string, offset: number): ManifestError {
  return new ManifestError('malformed', `malformed manifest: ${message}`, offset);
}

/**
 * The manifest among the contents of a module's sections of that name; null: there is none.
 *
 * @throws ManifestError where there are several, or `decodeManifest` throws
 */
export function manifestAmong(sections: readonly (Uint8Array | ArrayBuffer)[]): Manifest | null {
  const [first] = sections;
  if (first === undefined) return null;
  if (sections.length > 1) {
    throw new ManifestError('malformed', `the module has ${sections.length} custom sections "${MANIFEST_SECTION}"`);
  }
  return decodeManifest(first instanceof Uint8Array ? first : new Uint8Array(first));
}

// ---- for the transform

/** The same module with a manifest as its first section. */
export function withManifest<M extends Pick<Module, 'customs'>>(module: M, manifest: Manifest): M {
  const section = {
    name: MANIFEST_SECTION,
    bytes: encodeManifest(manifest),
    after: 'start-of-module',
    at: -1,
  } as const;
  return { ...module, customs: [section, ...module.customs] };
}

/** What the transform did for a host. */
export interface HostedAs extends HostSuspensions {
  readonly poll: Poll | 'none';
  readonly epochWord: EpochWord;
}

/** What there is to say of the output for a module; `host`: null where no process is to run it. */
export function describeOutput(
  info: ModuleInfo,
  how: Pick<Manifest, 'linking' | 'instrumenter' | 'brand'>,
  host: HostedAs | null,
): Manifest {
  return {
    format: MANIFEST_FORMAT,
    version: VERSION,
    linking: how.linking,
    instrumenter: how.instrumenter,
    brand: how.brand,
    host: host === null ? null : describeHost(info, host),
  };
}

function describeHost(
  { module, importedFuncs, memories, importedMemories, landmarks }: ModuleInfo,
  host: HostedAs,
): HostManifest {
  const imported = importsOf(module, 'memory');
  const exported = (index: number): string | null =>
    module.exports.find((entry) => entry.kind === 'memory' && entry.index === index)?.name ?? null;
  return {
    poll: host.poll,
    epochWord: host.poll === 'epoch' ? host.epochWord : null,
    suspending: importsOf(module, 'func')
      .filter((_, index) => host.suspending.has(index as FuncIdx))
      .map(({ module: from, name }) => ({ module: from, name })),
    entries: module.exports
      .filter(({ kind, index }) => kind === 'func' && index >= importedFuncs)
      .map(({ name }) => name),
    memories: memories.map((type, index): MemoryManifest => {
      const entry = imported[index];
      return {
        ...inNumbers(type),
        import: entry === undefined ? null : { module: entry.module, name: entry.name },
        export: index < importedMemories ? null : exported(index),
      };
    }),
    nativeWaits: landmarks.some((list) =>
      list.some(({ instr }) => isWait(instr) && memories[instr.memarg.memory]?.shared === true),
    ),
  };
}

function isWait(instr: Instr): instr is Instr<'memory.atomic.wait32' | 'memory.atomic.wait64'> {
  return instr.op === 'memory.atomic.wait32' || instr.op === 'memory.atomic.wait64';
}

/** Whether a module went through the transform. */
export function isTransformed(module: Pick<Module, 'customs'>): boolean {
  return module.customs.some(({ name }) => name === MANIFEST_SECTION);
}

/** @throws RefusedError for a module that went through the transform */
export function refuseTransformed(module: Pick<Module, 'customs'>): void {
  const section = module.customs.find(({ name }) => name === MANIFEST_SECTION);
  if (section !== undefined) throw new RefusedError('the module was transformed before', { offset: section.at });
}
