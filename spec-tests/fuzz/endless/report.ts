import type { EndlessFinding, EndlessSummary } from './endless.ts';
import { ENDINGS } from './job.ts';
import { describe, programText } from './program.ts';

/** What is wrong with which program. */
export function describeFault({ seed, way, ending, fault, program }: EndlessFinding): string {
  return [
    `seed ${seed}: ${fault.kind}: ${fault.detail}`,
    `  ${ending}, ${way.yields} polls, ${way.linking}, ${way.instrumenter}`,
    `  ${describe(program)}`,
  ].join('\n');
}

/** The same, what to run to see it again, and the program. */
export function describeFinding(finding: EndlessFinding): string {
  return [
    describeFault(finding),
    `  npm run fuzz -- --endless 1 --seed ${finding.seed}`,
    ...programText(finding.program).map(({ text }) => text),
  ].join('\n');
}

function percentile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(1);
}

/** What a run has come to, line by line. */
export function describeSummary(summary: EndlessSummary): string[] {
  const { programs, ended, refused, retried, delays, families, missing, findings } = summary;
  const shares = [...families].sort(([, a], [, b]) => b - a).map(([family, count]) => `${family} ${count}`);
  return [
    `${programs} programs, run ${ended} times, ${refused} runs refused, ${retried} late once and not again`,
    ...ENDINGS.map((ending) => {
      const [p50, p99, most] = [0.5, 0.99, 1].map((share) => percentile(delays[ending], share));
      return `${ending}: p50 ${p50} ms, p99 ${p99} ms, at most ${most} ms later than ${ending === 'kill' ? 'the signal' : 'the limit'}`;
    }),
    `of ${shares.join(', ')}`,
    ...(missing.length > 0 ? [`without ${missing.join(', ')}`] : []),
    `${findings.length} findings`,
  ];
}
