import { spawnSync } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createBrotliDecompress } from 'node:zlib';

/** A Chromium, and the environment that it needs. */
export interface Chromium {
  readonly path: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Why there is none. */
export interface NoChromium {
  readonly reason: string;
}

const VARIABLE = 'BOBBIN_CHROMIUM';
const PACKAGE = '@sparticuz/chromium';

const INSTALLED: Readonly<Record<string, readonly string[]>> = {
  linux: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/usr/bin/google-chrome-stable'],
  darwin: [
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
    '/Applications/Chromium.app/Contents/MacOS/Chromium',
  ],
  win32: [
    String.raw`C:\Program Files\Google\Chrome\Application\chrome.exe`,
    String.raw`C:\Program Files (x86)\Google\Chrome\Application\chrome.exe`,
  ],
};

/**
 * A Chromium to test with: the one that the variable BOBBIN_CHROMIUM names; the one within the development dependency
 * `@sparticuz/chromium`, for Linux on x86-64, which is unpacked on first use; one that is installed where they usually are.
 *
 * @throws where BOBBIN_CHROMIUM names none that runs
 */
export async function findChromium(): Promise<Chromium | NoChromium> {
  const given = process.env[VARIABLE];
  if (given !== undefined && given !== '') {
    const fault = cannotRun(given, {});
    if (fault !== null) throw new Error(`${VARIABLE}=${given}: ${fault}`);
    return { path: given, env: {} };
  }
  const packed = await unpacked();
  if ('path' in packed) return packed;
  const installed = (INSTALLED[process.platform] ?? []).find(
    (path) => existsSync(path) && cannotRun(path, {}) === null,
  );
  if (installed !== undefined) return { path: installed, env: {} };
  return {
    reason: `no Chromium: ${packed.reason}, none is installed where it usually is, and ${VARIABLE} names none`,
  };
}

/** @returns null where it runs */
function cannotRun(path: string, env: Readonly<Record<string, string>>): string | null {
  const { status, error, stderr } = spawnSync(path, ['--version'], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 30_000,
  });
  if (status === 0) return null;
  return error?.message ?? (stderr.trim().split('\n').at(-1) || `exit status ${status}`);
}

async function unpacked(): Promise<Chromium | NoChromium> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return { reason: `${PACKAGE} is for Linux on x86-64 only` };
  }
  let root: string;
  let version: string;
  try {
    root = resolve(fileURLToPath(import.meta.resolve(PACKAGE)), '..', '..', '..');
    ({ version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string });
  } catch {
    return { reason: `${PACKAGE} is not installed` };
  }
  const cache = resolve(import.meta.dirname, '..', '..', 'node_modules', '.cache');
  const folder = join(cache, `chromium-${version}`);
  if (!existsSync(folder)) {
    const unfinished = `${folder}.${process.pid}`;
    mkdirSync(unfinished, { recursive: true });
    await unpack(join(root, 'bin'), unfinished);
    try {
      renameSync(unfinished, folder);
    } catch (error) {
      // Somebody else was faster.
      rmSync(unfinished, { recursive: true });
      if (!existsSync(folder)) throw error;
    }
  }
  const path = join(folder, 'chromium');
  // The same letters on every machine.
  const fonts = { FONTCONFIG_FILE: join(folder, 'fonts.conf') };
  const { LD_LIBRARY_PATH } = process.env;
  const own = join(folder, 'lib');
  const libraries = { LD_LIBRARY_PATH: LD_LIBRARY_PATH === undefined ? own : `${own}:${LD_LIBRARY_PATH}` };
  let fault: string | null = null;
  for (const env of [fonts, { ...fonts, ...libraries }]) {
    fault = cannotRun(path, env);
    if (fault === null) return { path, env };
  }
  return { reason: `that of ${PACKAGE} does not run here (${fault})` };
}

/** The browser, the libraries it may lack, and fonts. */
async function unpack(from: string, to: string): Promise<void> {
  const path = join(to, 'chromium');
  await pipeline(createReadStream(join(from, 'chromium.br')), createBrotliDecompress(), createWriteStream(path));
  await chmod(path, 0o755);
  for (const name of ['al2023', 'fonts']) {
    const packed = createReadStream(join(from, `${name}.tar.br`));
    const tar = Buffer.concat(await Readable.from(packed.pipe(createBrotliDecompress())).toArray());
    const { status, error, stderr } = spawnSync('tar', ['-x', '-C', to], { input: tar, encoding: 'utf8' });
    if (status !== 0) throw new Error(`tar: ${error?.message ?? stderr}`);
  }
  const config = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="relative">font-cache</cachedir>
</fontconfig>
`;
  await writeFile(join(to, 'fonts.conf'), config);
}
