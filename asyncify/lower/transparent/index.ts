export { hostCalls } from './find.ts';
export { type HostFrame, lowerTransparent, type TransparentOptions } from './lower.ts';
export { STACK_POINTER, type StackPointer, stackPointerOf } from './stack-pointer.ts';
