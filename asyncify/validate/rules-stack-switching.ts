import type { Handler } from '../binary/immediates.ts';
import { isRef, refType, type TypeIdx, type ValType } from '../binary/types.ts';
import { typeNames } from './names.ts';
import type { Rules } from './rules.ts';
import { contFuncType, contType, exceptionType, fresh, nullable, tagType } from './space.ts';
import type { Walk } from './walk.ts';

type StackSwitchingOp =
  | 'cont.new'
  | 'cont.bind'
  | 'suspend'
  | 'resume'
  | 'resume_throw'
  | 'resume_throw_ref'
  | 'switch';

const EXN_NULL = refType('exn', true);

/** The concrete continuation type that the last of `types` refers to. */
function lastContinuation(walk: Walk, types: readonly ValType[], holder: string): TypeIdx {
  const last = types.at(-1);
  if (last === undefined || !isRef(last) || typeof last.heap !== 'number') {
    return walk.fail(
      `type mismatch: instruction requires concrete continuation reference type but ${holder} has ${typeNames(types)}`,
    );
  }
  contType(walk, last.heap);
  return last.heap;
}

/** Checks a handler of a `resume` that gives `results`. */
function handler(walk: Walk, clause: Handler, results: readonly ValType[]): void {
  const { info } = walk;
  const tag = tagType(walk, clause.tag);
  switch (clause.kind) {
    case 'label': {
      const label = walk.label(clause.label);
      const received = contFuncType(walk, lastContinuation(walk, label, 'label'));
      if (!info.matchesFunc({ params: tag.results, results }, received)) {
        walk.fail(
          `type mismatch in continuation type: the handler of tag ${clause.tag} receives ${typeNames(tag.results)} -> ${typeNames(results)} but the label has ${typeNames(received.params)} -> ${typeNames(received.results)}`,
        );
      }
      const payload = label.slice(0, -1);
      if (!info.matchesAll(tag.params, payload)) {
        walk.fail(
          `type mismatch: tag ${clause.tag} has ${typeNames(tag.params)} but label takes ${typeNames(payload)}`,
        );
      }
      break;
    }
    case 'switch':
      if (tag.params.length > 0) walk.fail(`type mismatch in switch tag: tag ${clause.tag} has parameters`);
      // Whoever is switched to returns the tag's results to this resume, and whoever switched away is given this resume's results.
      if (!info.matchesAll(tag.results, results) || !info.matchesAll(results, tag.results)) {
        walk.fail(
          `type mismatch in switch tag: resume gives ${typeNames(results)} but tag ${clause.tag} has results ${typeNames(tag.results)}`,
        );
      }
      break;
    default:
      clause satisfies never;
  }
}

function handlers(walk: Walk, clauses: readonly Handler[], results: readonly ValType[]): void {
  for (const clause of clauses) handler(walk, clause, results);
}

/** The stack-switching instructions, after the proposal's explainer ("Specification changes"). */
export const STACK_SWITCHING: Rules<StackSwitchingOp> = {
  'cont.new'(walk, { type }) {
    walk.pop(nullable(contType(walk, type).type));
    walk.push(fresh(type));
  },
  'cont.bind'(walk, { type, type2 }) {
    const source = contFuncType(walk, type);
    const target = contFuncType(walk, type2);
    const bound = source.params.length - target.params.length;
    if (bound < 0) {
      walk.fail(
        `type mismatch in continuation arguments: cannot bind ${typeNames(source.params)} to ${typeNames(target.params)}`,
      );
    }
    const rest = { params: source.params.slice(bound), results: source.results };
    if (!walk.info.matchesFunc(rest, target)) {
      walk.fail(
        `type mismatch in continuation types: ${typeNames(rest.params)} -> ${typeNames(rest.results)} does not match ${typeNames(target.params)} -> ${typeNames(target.results)}`,
      );
    }
    walk.popAll([...source.params.slice(0, bound), nullable(type)]);
    walk.push(fresh(type2));
  },
  suspend(walk, instr) {
    const { params, results } = tagType(walk, instr.tag);
    walk.popAll(params);
    walk.pushAll(results);
  },
  resume(walk, instr) {
    const { params, results } = contFuncType(walk, instr.type);
    handlers(walk, instr.handlers, results);
    walk.popAll([...params, nullable(instr.type)]);
    walk.pushAll(results);
  },
  resume_throw(walk, instr) {
    const { results } = contFuncType(walk, instr.type);
    const payload = exceptionType(walk, instr.tag);
    handlers(walk, instr.handlers, results);
    walk.popAll([...payload, nullable(instr.type)]);
    walk.pushAll(results);
  },
  resume_throw_ref(walk, instr) {
    const { results } = contFuncType(walk, instr.type);
    handlers(walk, instr.handlers, results);
    walk.popAll([EXN_NULL, nullable(instr.type)]);
    walk.pushAll(results);
  },
  switch(walk, instr) {
    const { params, results } = contFuncType(walk, instr.type);
    const { params: given, results: returned } = tagType(walk, instr.tag);
    if (given.length > 0) walk.fail(`type mismatch in switch tag: tag ${instr.tag} has parameters`);
    const captured = contFuncType(walk, lastContinuation(walk, params, 'the type annotation'));
    if (!walk.info.matchesAll(results, returned) || !walk.info.matchesAll(returned, captured.results)) {
      walk.fail(
        `type mismatch in continuation types: tag ${instr.tag} has results ${typeNames(returned)} between ${typeNames(results)} and ${typeNames(captured.results)}`,
      );
    }
    walk.popAll([...params.slice(0, -1), nullable(instr.type)]);
    walk.pushAll(captured.params);
  },
};
