import { workerData } from 'node:worker_threads';
import { Caller, HOLDINGS } from './caller.test-data.ts';

/** A guest that has names change what they lead to, until it is told to stop. */

export interface RacerData {
  readonly folder: string;
  readonly holding: keyof typeof HOLDINGS;
  /** Not 0: to stop. The second word counts the rounds. */
  readonly stop: SharedArrayBuffer;
}

const { folder, holding, stop } = workerData as RacerData;
const guest = new Caller(folder, HOLDINGS[holding]);
const word = new Int32Array(stop);

/** `x` is a directory, then a link out of the folder, then a file, then nothing; `deep/x` the same one floor down. */
function round(count: number): void {
  guest.rename('A', 'x');
  guest.rename('deep', 'other');
  guest.rename('x', 'A');
  guest.rename('B', 'x');
  guest.rename('other', 'deep');
  guest.rename('x', 'B');
  guest.symlink('../outside', 'x');
  guest.unlink('x');
  guest.rename('deep/A', 'deep/x');
  guest.rename('deep/x', 'deep/A');
  guest.rename('deep/B', 'deep/x');
  guest.rename('deep/x', 'deep/B');
  // The other guest may have put something into it.
  if (guest.makeDirectory('x') === 0) guest.rename('x', `gone-${count}`);
}

for (let count = 0; Atomics.load(word, 0) === 0; count++) {
  round(count);
  Atomics.store(word, 1, count);
}
guest.close();
