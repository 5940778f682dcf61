export { generateNumeric } from './generate.ts';
