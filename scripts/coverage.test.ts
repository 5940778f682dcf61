import { describe, expect, it } from 'vitest';
import { coverageOf, coverageTable } from './coverage.ts';

const source = `import { a } from './a.ts';

/** A comment. */
interface Shape {
  readonly side: number;
}

export function area(shape: Shape | null): number {
  if (shape === null) {
    return 0;
  }
  // Another.
  return shape.side * shape.side;
}

export const unused = (): number => a;
`;
const range = (from: string, to: string, count: number) => ({
  startOffset: source.indexOf(from),
  endOffset: source.indexOf(to) + to.length,
  count,
});
const functions = [
  { functionName: '', isBlockCoverage: true, ranges: [{ startOffset: 0, endOffset: source.length, count: 1 }] },
  {
    functionName: 'area',
    isBlockCoverage: true,
    ranges: [range('function area', 'side;\n}', 3), range('{\n    return 0', 'return 0;\n  }', 0)],
  },
  { functionName: 'unused', isBlockCoverage: false, ranges: [range('(): number => a', '=> a', 0)] },
];

describe('coverage', () => {
  it('counts lines with code, and functions', () => {
    const file = coverageOf('asyncify/a.ts', source, functions);
    // Of import, function, if, both returns and the constant, `if` has the brace of the block that did not run.
    expect(file).toEqual({
      file: 'asyncify/a.ts',
      lines: 6,
      coveredLines: 3,
      functions: 2,
      coveredFunctions: 1,
    });
  });

  it('is whole where everything ran', () => {
    const [module] = functions;
    expect(coverageOf('a.ts', source, module === undefined ? [] : [module])).toMatchObject({
      lines: 6,
      coveredLines: 6,
    });
  });

  it('adds up folders', () => {
    const file = coverageOf('asyncify/a.ts', source, functions);
    const lines = coverageTable([file, { ...file, file: 'asyncify/b.ts', coveredLines: 6 }]).split('\n');
    expect(lines[2]).toBe('| **asyncify/** | 75.0 % | 9 of 12 | 50.0 % | 2 of 4 |');
    expect(lines).toHaveLength(5);
  });
});
