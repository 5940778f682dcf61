export type { ChromeOptions } from './chrome.ts';
export { TraceRecorder, type TraceRecorderOptions } from './recorder.ts';
export { formatStats } from './report.ts';
export { type Activity, type Row, Rows } from './rows.ts';
export { type Slice, Stats, type StatsOptions, type StatsSummary, type TaskStats } from './stats.ts';
export { TraceWriter, type TraceWriterOptions } from './writer.ts';
