import { describe, expect, it } from 'vitest';
import packageJson from '../package.json' with { type: 'json' };
import { parseText } from '../spec-tests/runner/index.ts';
import { Writer } from './binary/writer.ts';
import {
  decode,
  decodeManifest,
  encode,
  encodeManifest,
  isTransformed,
  MANIFEST_SECTION,
  type Manifest,
  ManifestError,
  RefusedError,
  type TransformOptions,
  transform,
  transformWithBinaryen,
} from './index.ts';
import { manifestAmong } from './manifest.ts';

const { version } = packageJson;
const guest = await parseText(`(module
  (import "a" "wait" (func $wait (result i32))) (import "a" "log" (func $log (param i32)))
  (import "b.c" "" (func $other)) (import "a" "wait" (func (result i32)))
  (func $run (export "run") (result i32) (call $log (i32.const 1)) (call $other) (call $wait))
  (func (export "") (loop $l (br $l)))
  (export "log" (func $log)) (memory (export "memory") 1))`);
const switching = await parseText(
  '(module (type $f (func)) (type $c (cont $f)) (tag $t) (func (export "f") (suspend $t)))',
);

const manifestIn = (bytes: Uint8Array): Manifest | null =>
  manifestAmong(
    decode(bytes)
      .customs.filter(({ name }) => name === MANIFEST_SECTION)
      .map((section) => section.bytes),
  );

const u64 = (value: bigint): number[] => {
  const writer = new Writer();
  writer.u64(value);
  return [...writer.finish()];
};

const memory = { address: 'i32', min: 1, max: null, shared: false, import: null, export: null } as const;

const brand = Uint8Array.from({ length: 16 }, (_, at) => 16 - at);

const samples: readonly (readonly [string, Manifest])[] = [
  ['the least', { format: 3, brand, version: '', linking: 'closed', instrumenter: 'frames', host: null }],
  [
    'a linked one',
    {
      format: 3,
      brand,
      version: '12.34.56-ä',
      linking: 'linked',
      instrumenter: 'frames',
      host: { poll: 'fuel', epochWord: null, suspending: [], entries: ['_start'], memories: [], nativeWaits: false },
    },
  ],
  [
    "Binaryen's",
    {
      format: 3,
      brand,
      version,
      linking: 'closed',
      instrumenter: 'binaryen',
      host: {
        poll: 'epoch',
        epochWord: 'shared',
        suspending: [
          { module: 'a.b', name: 'c' },
          { module: 'a', name: 'b.c' },
        ],
        entries: ['', 'é', 'x'.repeat(300)],
        memories: [
          {
            ...memory,
            max: 65_536,
            shared: true,
            import: { module: 'env', name: 'memory' },
            export: null,
          },
          { ...memory, address: 'i64', min: 0, export: 'é' },
          { ...memory, address: 'i64', min: 2 ** 40, max: 2 ** 48, import: null, export: null },
        ],
        nativeWaits: true,
      },
    },
  ],
];

describe('manifests', () => {
  it.each(samples)('are encoded and decoded: %s', (_, manifest) => {
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest);
  });

  it('have the format of the documentation', () => {
    const [, , [, manifest]] = samples as [unknown, unknown, (typeof samples)[number]];
    const host = { ...manifest.host, entries: ['go'], suspending: [{ module: 'm', name: 'f' }] } as Manifest['host'];
    expect([...encodeManifest({ ...manifest, version: '1.2', host })]).toEqual([
      ...[3, ...brand],
      ...[3, 0x31, 0x2e, 0x32, 0, 1],
      ...[1, 2, 1, 1, 1, 0x6d, 1, 0x66, 1, 2, 0x67, 0x6f],
      ...[3, 3, 1, 0x80, 0x80, 4, 1, 3, 0x65, 0x6e, 0x76, 6, 0x6d, 0x65, 0x6d, 0x6f, 0x72, 0x79],
      ...[4, 0, 2, 2, 0xc3, 0xa9],
      ...[5, ...u64(2n ** 40n), ...u64(2n ** 48n), 0],
      1,
    ]);
  });

  it.each(samples)('are malformed where they are cut off: %s', (_, manifest) => {
    const bytes = encodeManifest(manifest);
    for (let length = 0; length < bytes.length; length++) {
      const error = failure(() => decodeManifest(bytes.subarray(0, length)));
      expect(error).toMatchObject({ kind: 'manifest', problem: 'malformed' });
      expect(error.offset).toBeLessThanOrEqual(length);
    }
  });

  it.each(samples)('never crash the decoder, whichever byte is changed: %s', (_, manifest) => {
    const bytes = encodeManifest(manifest);
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0, 1, 2, 0x7f, 0x80, 0xff]) {
        const changed = bytes.slice();
        changed[at] = value;
        try {
          // What is accepted says the same when it is written again.
          expect(decodeManifest(encodeManifest(decodeManifest(changed)))).toEqual(decodeManifest(changed));
        } catch (error) {
          expect(error).toBeInstanceOf(ManifestError);
        }
      }
    }
  });

  it.each<readonly [string, readonly number[], string, number]>([
    ['no bytes', [], 'malformed manifest: unexpected end', 0],
    ['more bytes', [3, ...brand, 0, 0, 0, 0, 7], 'malformed manifest: bytes after its end', 21],
    ['an unknown linking', [3, ...brand, 0, 2, 0, 0], 'malformed manifest: 2 is no linking', 18],
    ['an unknown instrumenter', [3, ...brand, 0, 0, 9, 0], 'malformed manifest: 9 is no instrumenter', 19],
    ['an unknown presence', [3, ...brand, 0, 0, 0, 2], 'malformed manifest: 2 is no presence', 20],
    ['an unknown poll', [3, ...brand, 0, 0, 0, 1, 3, 0, 0], 'malformed manifest: 3 is no poll', 21],
    [
      'an unknown place',
      [3, ...brand, 0, 0, 0, 1, 2, 2, 0, 0],
      'malformed manifest: 2 is no place of the epoch word',
      22,
    ],
    [
      'a count of more than there is',
      [3, ...brand, 0, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0],
      'malformed manifest: length out of bounds',
      22,
    ],
    [
      'an unknown place of a memory',
      [3, ...brand, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 3],
      'malformed manifest: 3 is no place of a memory',
      27,
    ],
    [
      'a memory that is too large',
      [3, ...brand, 0, 0, 0, 1, 0, 0, 0, 1, 4, ...u64(2n ** 48n + 1n), 0],
      'malformed manifest: a memory of too many pages',
      25,
    ],
    ['an unknown sort of waits', [3, ...brand, 0, 0, 0, 1, 0, 0, 0, 0, 2], 'malformed manifest: 2 is no presence', 25],
    [
      'limits that are none',
      [3, ...brand, 0, 0, 0, 1, 0, 0, 0, 1, 8, 1, 0],
      'malformed manifest: malformed limits flags',
      25,
    ],
    ['a number that is too large', [0xff, 0xff, 0xff, 0xff, 0x1f], 'malformed manifest: integer too large', 4],
    ['text that is none', [3, ...brand, 1, 0xff, 0, 0, 0], 'malformed manifest: malformed UTF-8 encoding', 18],
  ])('are malformed with %s', (_, bytes, message, offset) => {
    const error = failure(() => decodeManifest(Uint8Array.from(bytes)));
    expect(error).toMatchObject({ name: 'ManifestError', kind: 'manifest', problem: 'malformed', offset });
    expect(error.message).toBe(`${message} (at byte ${offset} of the custom section "bobbin")`);
  });

  it('of another format are refused, whatever follows', () => {
    for (const format of [0, 1, 2, 4, 0xffff_ffff]) {
      const writer = new Writer();
      writer.u32(format);
      writer.byte(0xff);
      const error = failure(() => decodeManifest(writer.finish()));
      expect(error).toMatchObject({ kind: 'manifest', problem: 'unsupported', offset: 0 });
      expect(error.message).toBe(
        `the module's manifest has format ${format}, and this version of Bobbin reads 3 (at byte 0 of the custom section "bobbin")`,
      );
    }
  });

  it('are in every transformed module, and in no other', async () => {
    expect(manifestIn(transform(guest, { linking: 'closed' }).bytes)).toBeNull();
    const host = {
      suspending: [
        { module: 'a', name: 'wait' },
        { module: 'b.c', name: '' },
        { module: 'a', name: 'wait' },
      ],
      entries: ['run', ''],
      memories: [{ ...memory, import: null, export: 'memory' }],
      nativeWaits: false,
    };
    const suspending = ['a.wait', 'b.c.*', 'a.nowhere'];
    const of = (options: TransformOptions) => manifestIn(transform(guest, options).bytes);
    const brand = expect.any(Uint8Array);
    const base = { format: 3, brand, version, linking: 'closed', instrumenter: 'frames' };
    expect(of({ linking: 'closed', yields: 'fuel', suspending })).toEqual({
      ...base,
      host: { poll: 'fuel', epochWord: null, ...host },
    });
    expect(of({ yields: 'epoch', epochWord: 'global' })).toEqual({
      ...base,
      linking: 'linked',
      host: { poll: 'epoch', epochWord: 'global', ...host, suspending: [] },
    });
    expect(of({ linking: 'closed', suspending })).toEqual({
      ...base,
      host: { poll: 'none', epochWord: null, ...host },
    });
    expect(manifestIn(transform(switching).bytes)).toEqual({ ...base, linking: 'linked', host: null });
    for (const yields of ['none', 'fuel', 'epoch'] as const) {
      expect(manifestIn((await transformWithBinaryen(guest, { yields, suspending })).bytes)).toEqual({
        ...base,
        instrumenter: 'binaryen',
        host: { poll: yields, epochWord: yields === 'epoch' ? 'shared' : null, ...host },
      });
    }
  });

  it('have the version of the package', () => {
    expect(manifestIn(transform(switching).bytes)?.version).toBe(version);
  });

  it('are a section of the output, the first, beside those of the source', async () => {
    const bytes = await parseText('(module (@custom "mine" "abc") (func $f) (export "f" (func $f)))');
    const { customs } = decode(transform(bytes, { yields: 'fuel' }).bytes);
    expect(customs[0]).toMatchObject({ name: MANIFEST_SECTION, after: 'start-of-module' });
    expect(customs.map(({ name }) => name).filter((name) => !name.startsWith('metadata.'))).toEqual([
      MANIFEST_SECTION,
      'mine',
      'name',
    ]);
  });
});

describe('a module that was transformed before', () => {
  it.each(['closed', 'linked'] as const)('is refused, %s', async (linking) => {
    const { bytes } = transform(guest, { linking, yields: 'fuel' });
    const at = decode(bytes).customs[0]?.at;
    expect(isTransformed(decode(bytes))).toBe(true);
    const message = `the module was transformed before (at byte ${at})`;
    for (const options of [{}, { linking: 'closed' }, { yields: 'epoch' }] as const) {
      expect(() => transform(bytes, options)).toThrow(RefusedError);
      expect(() => transform(bytes, options)).toThrow(message);
    }
    await expect(transformWithBinaryen(bytes, { yields: 'fuel', suspending: [] })).rejects.toThrow(message);
  });

  it('is known by its manifest alone', async () => {
    const module = decode(await parseText('(module (func $bobbin (export "f")))'));
    expect(isTransformed(module)).toBe(false);
    const claims = { name: MANIFEST_SECTION, bytes: Uint8Array.of(99), after: 'data', at: -1 } as const;
    const bytes = encode({ ...module, customs: [...module.customs, claims] });
    expect(() => transform(bytes)).toThrow('the module was transformed before');
  });
});

function failure(action: () => unknown): ManifestError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(ManifestError);
    return error as ManifestError;
  }
  throw new Error('it did not fail');
}
