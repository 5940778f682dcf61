export { SandboxError, type SandboxProblem } from './errors.ts';
export { FileFunctions } from './files/functions.ts';
export { type GivenFolder, givenFolder } from './files/given.ts';
