import { expect, it } from 'vitest';
import { loadBinaryen } from '../../asyncify/instrument/binaryen/index.ts';
import { instrumenter } from './guests.test-data.ts';

// The tests of processes once more: each guest that Asyncify can do has to do the same.
instrumenter.binaryen = await loadBinaryen();
await import('./blocking.test.ts');
await import('./handlers.test.ts');
await import('./imports.test.ts');
await import('./process.test.ts');
await import('./variants.test.ts');

it('refuses none of their guests but those that handle exceptions', () => {
  expect(instrumenter.accepted).toBeGreaterThan(80);
  for (const refusal of instrumenter.refused) {
    expect(refusal).toMatch(/^Asyncify cannot do exception handlers in a function that may suspend/);
  }
});
