import { readFileSync } from 'node:fs';

/** One case that is known to fail. An entry without a line stands for all failures of a file. */
export type KnownFailure = {
  /**
   * Path of the script from the suite's root, matched against the end of the path that is run; a folder, written with a
   * slash at its end, stands for every script in it.
   */
  readonly file: string;
  readonly line?: number;
  readonly modes: readonly string[];
  /**
   * When it applies: `v8`, `jsc` and `spidermonkey` name the engine, `v8<15` and `v8>=15` compare its version, and
   * `lacks stack-switching` holds where the engine rejects such a module. Absent: everywhere.
   */
  readonly engine?: string;
  readonly reason: string;
};

/** The checked-in list. */
export const knownFailuresFile = new URL('../known-failures.json', import.meta.url);

/** Reads a list of known failures. Throws `SyntaxError` where it is no such list. */
export function loadKnownFailures(file: URL | string = knownFailuresFile): KnownFailure[] {
  const entries: unknown = JSON.parse(readFileSync(file, 'utf8'));
  if (!Array.isArray(entries) || !entries.every(isKnownFailure))
    throw new SyntaxError(`${file}: no list of known failures`);
  for (const { engine } of entries) if (engine !== undefined) parseCondition(engine);
  return entries;
}

/** What a list says about one script in one mode: asked once per failing command, and at the end. */
export class FileExpectations {
  readonly #entries: readonly KnownFailure[];
  readonly #seen = new Set<KnownFailure>();

  constructor(known: readonly KnownFailure[], path: string, mode: string) {
    const normal = path.replaceAll('\\', '/');
    this.#entries = known.filter(({ file, modes, engine }) => {
      return names(file, normal) && modes.includes(mode) && (engine === undefined || engineIs(engine));
    });
  }

  /** The reason why a failure of the command on this line is known, if it is. */
  reasonFor(line: number): string | undefined {
    const entry = this.#entries.find((known) => known.line === undefined || known.line === line);
    if (entry !== undefined) this.#seen.add(entry);
    return entry?.reason;
  }

  /** The entries that did not fail. */
  unexpectedPasses(): readonly KnownFailure[] {
    return this.#entries.filter((entry) => !this.#seen.has(entry));
  }
}

function names(file: string, path: string): boolean {
  const rooted = `/${path}`;
  return file.endsWith('/') ? rooted.includes(`/${file}`) : rooted.endsWith(`/${file}`);
}

type Condition =
  | { readonly engine: string; readonly operator?: '<' | '>='; readonly version?: number }
  | { readonly lacks: string };

/** Whether an engine condition holds here; see {@link KnownFailure}. Throws `SyntaxError` on one it does not know. */
export function engineIs(text: string): boolean {
  const condition = parseCondition(text);
  if ('lacks' in condition) return !WebAssembly.validate(featureProbes.get(condition.lacks)!);
  const here = currentEngine();
  if (here.engine !== condition.engine) return false;
  if (condition.version === undefined) return true;
  return condition.operator === '<' ? here.version < condition.version : here.version >= condition.version;
}

function parseCondition(text: string): Condition {
  const feature = /^lacks (.+)$/.exec(text)?.[1];
  if (feature !== undefined && featureProbes.has(feature)) return { lacks: feature };
  const match = /^(v8|jsc|spidermonkey)(?:(<|>=)([0-9]+(?:\.[0-9]+)?))?$/.exec(text);
  if (match === null) throw new SyntaxError(`unknown engine condition "${text}"`);
  const [, engine = '', operator, version] = match;
  if (operator === undefined) return { engine };
  return { engine, operator: operator === '<' ? '<' : '>=', version: Number(version) };
}

function currentEngine(): { engine: string; version: number } {
  const versions: Readonly<Record<string, string | undefined>> = process.versions;
  const jsc = versions.webkit ?? versions.bun;
  if (jsc !== undefined) return { engine: 'jsc', version: Number.parseFloat(jsc) };
  if (versions.v8 !== undefined) return { engine: 'v8', version: Number.parseFloat(versions.v8) };
  return { engine: 'spidermonkey', version: Number.parseFloat(versions.mozjs ?? '0') };
}

/** Modules that only an engine with the feature accepts. */
const featureProbes: ReadonlyMap<string, Uint8Array<ArrayBuffer>> = new Map([
  // (module (type (func)) (type (cont 0)))
  ['stack-switching', Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 6, 2, 0x60, 0, 0, 0x5d, 0)],
]);

function isKnownFailure(entry: unknown): entry is KnownFailure {
  if (typeof entry !== 'object' || entry === null) return false;
  const { file, line, modes, engine, reason } = entry as Record<string, unknown>;
  return (
    typeof file === 'string' &&
    (line === undefined || Number.isInteger(line)) &&
    Array.isArray(modes) &&
    modes.every((mode) => typeof mode === 'string') &&
    (engine === undefined || typeof engine === 'string') &&
    typeof reason === 'string' &&
    reason !== ''
  );
}
