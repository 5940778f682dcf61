export type { Observer } from './body.ts';
export type { ModuleInfo } from './info.ts';
export { isAbstractCont, type Landmark, namesContinuation } from './landmarks.ts';
export { type Operand, typeName, typeNames } from './names.ts';
export { validate, walkFunction } from './validate.ts';
export type { ControlFrame, WalkState } from './walk.ts';
