export type { Observer } from './body.ts';
export { type ModuleInfo, unpacked } from './info.ts';
export { isAbstractCont, type Landmark, Landmarks, namesContinuation } from './landmarks.ts';
export { type Operand, typeName, typeNames } from './names.ts';
export { typingContext, validate, walkFunction } from './validate.ts';
export type { ControlFrame, WalkState } from './walk.ts';
