import { loadMode } from './runner/index.ts';
import { describeOfficial } from './scripts.ts';

describeOfficial(await loadMode('binaryen-chaos'));
