export type { Observer } from './body.ts';
export type { ModuleInfo } from './info.ts';
export { type Operand, typeName, typeNames } from './names.ts';
export { validate, walkFunction } from './validate.ts';
export type { ControlFrame, WalkState } from './walk.ts';
