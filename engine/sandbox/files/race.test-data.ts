import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { Caller, HOLDINGS } from './caller.test-data.ts';
import type { RacerData } from './racer.worker.test-data.ts';

/** Two guests share a folder, and one has names change while the other works with them: neither may lead the other outside. */

/** What is in files outside, and nowhere else. */
const SECRET = 'secret, which is longer';
const INSIDE = 'inside';
const [CREAT, DIRECTORY, EXCL, TRUNC] = [1, 2, 4, 8];
const [READ, WRITE] = [2n, 64n];

export interface Race {
  /** How often an operation did something inside. */
  readonly done: number;
  /** How often it was refused, or there was nothing. */
  readonly refused: number;
  /** How many rounds the other guest made. */
  readonly rounds: number;
  /** What was read, or changed, outside; empty where all is well. */
  readonly escaped: readonly string[];
}

/** Every operation with a path that goes through `x`. @returns what it has read of the outside; null: it has done nothing; '': something */
type Operation = (guest: Caller, x: string) => string | null;
const did = (errno: number): string | null => (errno === 0 ? '' : null);
const withFile = (guest: Caller, fd: number, use: (fd: number) => string | null): string | null => {
  if (fd < 0) return null;
  const result = use(fd);
  guest.shut(fd);
  return result;
};

export const OPERATIONS: Readonly<Record<string, Operation>> = {
  read: (guest, x) =>
    withFile(guest, guest.open(`${x}/secret`), (fd) => {
      const text = guest.read(fd);
      return text?.startsWith('secret') ? text : '';
    }),
  'read from a folder that is open': (guest, x) =>
    withFile(guest, guest.open(x, DIRECTORY), (folder) =>
      withFile(guest, guest.open('secret', 0, READ, folder), (fd) => {
        const text = guest.read(fd);
        return text?.startsWith('secret') ? text : '';
      }),
    ),
  'write to what is there': (guest, x) =>
    withFile(guest, guest.open(`${x}/secret`, 0, WRITE), (fd) => did(guest.write(fd, INSIDE))),
  truncate: (guest, x) =>
    withFile(guest, guest.open(`${x}/secret`, TRUNC, WRITE), (fd) => did(guest.write(fd, INSIDE))),
  create: (guest, x) =>
    withFile(guest, guest.open(`${x}/created`, CREAT | EXCL, WRITE), () => did(guest.unlink(`${x}/created`)) ?? ''),
  list: (guest, x) =>
    withFile(guest, guest.open(x, DIRECTORY), (fd) => (guest.list(fd).includes('only-outside') ? 'only-outside' : '')),
  'ask for the size': (guest, x) => {
    const size = guest.size(`${x}/secret`);
    return size === SECRET.length ? `size ${size}` : size < 0 ? null : '';
  },
  'ask whether it is there': (guest, x) => {
    const size = guest.size(`${x}/only-outside`);
    return size < 0 ? null : 'only-outside';
  },
  'set the times': (guest, x) => did(guest.touch(`${x}/secret`)),
  'make directories': (guest, x) => did(guest.makeDirectory(`${x}/made`)),
  'remove directories': (guest, x) => did(guest.removeDirectory(`${x}/made`)),
  'remove those that are there': (guest, x) => {
    const done = guest.removeDirectory(`${x}/empty`);
    return done === 0 ? (did(guest.makeDirectory(`${x}/empty`)) ?? '') : null;
  },
  'remove files': (guest, x) => {
    withFile(guest, guest.open('A/removed', CREAT, WRITE), () => null);
    return did(guest.unlink(`${x}/removed`));
  },
  'rename out of it': (guest, x) => {
    const done = guest.rename(`${x}/moved`, 'moved-here');
    for (let left = 1000; done === 0 && left > 0; left--) if (guest.rename('moved-here', 'A/moved') === 0) break;
    return did(done);
  },
  'rename into it': (guest, x) => {
    guest.rename('A/own', 'own');
    const done = guest.rename('own', `${x}/own`);
    return did(done);
  },
  'link from it': (guest, x) => {
    const done = guest.hardLink(`${x}/secret`, 'linked');
    const read = withFile(guest, guest.open('linked'), (fd) => (guest.read(fd)?.startsWith('secret') ? 'linked' : ''));
    guest.unlink('linked');
    return done === 0 ? (read ?? '') : null;
  },
  'link into it': (guest, x) => {
    const done = guest.hardLink('plain', `${x}/plain`);
    guest.unlink(`${x}/plain`);
    return did(done);
  },
  'make links': (guest, x) => {
    const done = guest.symlink('plain', `${x}/soft`);
    guest.unlink(`${x}/soft`);
    return did(done);
  },
  'read links': (guest, x) => {
    const target = guest.readLink(`${x}/pointer`);
    return target === null ? null : target === 'only-outside' ? target : '';
  },
};

/** Where the names that change are in paths. */
const PLACES = ['x', 'deep/x', 'A/../x', 'other/x', 'deep/../x/.', 'way/x'];

/** A fresh folder, and what is outside of it. */
function lay(): { readonly root: string; readonly folder: string; readonly outside: string } {
  const root = mkdtempSync(join(tmpdir(), 'race-'));
  const [folder, outside] = [join(root, 'given'), join(root, 'outside')];
  for (const place of [join(folder, 'A'), join(folder, 'deep', 'A')]) {
    mkdirSync(join(place, 'empty'), { recursive: true });
    for (const name of ['secret', 'removed', 'moved', 'own']) writeFileSync(join(place, name), INSIDE);
    symlinkSync('secret', join(place, 'pointer'));
  }
  symlinkSync('../outside', join(folder, 'B'));
  symlinkSync('../../outside', join(folder, 'deep', 'B'));
  symlinkSync('deep', join(folder, 'way'));
  writeFileSync(join(folder, 'plain'), INSIDE);
  for (const name of ['empty', 'made']) mkdirSync(join(outside, name), { recursive: true });
  for (const name of ['secret', 'removed', 'moved', 'only-outside']) writeFileSync(join(outside, name), SECRET);
  symlinkSync('only-outside', join(outside, 'pointer'));
  return { root, folder, outside };
}

/** All that can be seen of a tree, but when it was read. */
function snapshot(path: string): string {
  const stat = lstatSync(path, { bigint: true });
  const own = `${path} ${stat.mode} ${stat.nlink} ${stat.size} ${stat.mtimeNs} ${stat.ino}`;
  if (stat.isFile()) return `${own} ${readFileSync(path, 'utf8')}`;
  if (!stat.isDirectory()) return own;
  return [
    own,
    ...readdirSync(path)
      .sort()
      .map((name) => snapshot(join(path, name))),
  ].join('\n');
}

export interface RaceOptions {
  readonly operations: readonly string[];
  /** How often each is tried at each place. */
  readonly tries: number;
  readonly holding?: keyof typeof HOLDINGS;
}

/** Has the operations tried while another thread's guest makes names change. */
export async function race({ operations, tries, holding = 'handle' }: RaceOptions): Promise<Race> {
  const { root, folder, outside } = lay();
  const before = snapshot(outside);
  const stop = new SharedArrayBuffer(8);
  const word = new Int32Array(stop);
  const data: RacerData = { folder, holding, stop };
  const worker = new Worker(new URL('./racer.worker.test-data.ts', import.meta.url), { workerData: data });
  const ended = new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
  const guest = new Caller(folder, HOLDINGS[holding]);
  const escaped = new Set<string>();
  let [done, refused] = [0, 0];
  try {
    while (Atomics.load(word, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const name of operations) {
      const operation = OPERATIONS[name] as Operation;
      for (let count = 0; count < tries * PLACES.length; count++) {
        const result = operation(guest, PLACES[count % PLACES.length] as string);
        if (result === null) refused++;
        else if (result === '') done++;
        else escaped.add(`${name}: ${result}`);
      }
      if (snapshot(outside) !== before) escaped.add(`${name}: changed something`);
    }
  } finally {
    Atomics.store(word, 0, 1);
    await ended;
    guest.close();
    rmSync(root, { recursive: true });
  }
  return { done, refused, rounds: Atomics.load(word, 1), escaped: [...escaped] };
}
