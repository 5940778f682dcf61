import { chaosMode } from './runner/modes/chaos.ts';
import { describeOfficial } from './scripts.ts';

describeOfficial(chaosMode);
