export { type EndlessFinding, type EndlessOptions, type EndlessSummary, endless } from './endless.ts';
export { describeFault, describeFinding, describeSummary } from './report.ts';
