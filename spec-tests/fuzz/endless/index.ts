export { type EndlessFinding, type EndlessOptions, type EndlessSummary, endless } from './endless.ts';
export { describeFinding, describeSummary } from './report.ts';
