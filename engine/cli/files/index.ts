export { FileFunctions } from './functions.ts';
export { type GivenFolder, givenFolder } from './given.ts';
