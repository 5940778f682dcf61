import { writeSync } from 'node:fs';
import type { Reporter, TestModule } from 'vitest/node';

type OnTestRunEnd = NonNullable<Reporter['onTestRunEnd']>;

/** Ends the output of a run with one line that programs can read: `12 passed, 0 failed`. */
export class SummaryReporter implements Reporter {
  #line: string | undefined;

  onInit(): void {
    process.once('exit', () => {
      if (this.#line !== undefined) writeSync(1, `${this.#line}\n`);
    });
  }

  onTestRunEnd(...[modules, unhandledErrors]: Parameters<OnTestRunEnd>): void {
    const counts = modules.map(count);
    const passed = counts.reduce((sum, each) => sum + each.passed, 0);
    const failed = counts.reduce((sum, each) => sum + each.failed, unhandledErrors.length);
    this.#line = `${passed} passed, ${failed} failed`;
  }
}

/** A file or group that fails outside of its tests counts as one failure. */
function count(module: TestModule): { passed: number; failed: number } {
  const tests = [...module.children.allTests()];
  const outside = [module, ...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
  return {
    passed: tests.filter((test) => test.result().state === 'passed').length,
    failed: tests.filter((test) => test.result().state === 'failed').length + outside.length,
  };
}
