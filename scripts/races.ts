import { OPERATIONS, race } from '../engine/sandbox/files/race.test-data.ts';

/** `npm run test:races -- OPENS TRIES`: two guests that share a folder, one of which has its names change. */

const opens = Number(process.argv[2] ?? 1_000_000);
const tries = Number(process.argv[3] ?? 2000);
const all = Object.keys(OPERATIONS);
/** Places that each operation is tried at. */
const PLACES = 6;

const unsafe = await race({ operations: all, tries: 300, holding: 'unsafe' });
console.log(`by paths alone, nothing refused: ${unsafe.escaped.join(', ') || 'nobody got outside this time'}`);
let failed = false;
for (const [what, operations, count, holding] of [
  ['opens', ['read'], Math.ceil(opens / PLACES), 'handle'],
  ['operations of all kinds', all, tries, 'handle'],
  ['the same, held by paths', all, tries, 'path'],
] as const) {
  const { done, refused, rounds, escaped } = await race({ operations, tries: count, holding });
  console.log(
    `${what}: ${done + refused} tried, ${done} did something inside, ${rounds} rounds, ${escaped.length} outside`,
  );
  for (const line of escaped) console.log(`  ${line}`);
  failed ||= escaped.length > 0;
}
process.exitCode = failed ? 1 : 0;
