import { parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { expect, it } from 'vitest';
import { decode } from '../binary/index.ts';
import { InvalidError } from '../errors.ts';
import { type ModuleInfo, validate } from './index.ts';

/** Validates a module's fields, given in the text format. */
export async function check(fields: string): Promise<ModuleInfo> {
  return validate(decode(await parse(`(module ${fields})`)));
}

/** The error that a module's fields give. */
export async function rejection(fields: string): Promise<InvalidError> {
  const error = await check(fields).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InvalidError);
  return error as InvalidError;
}

/** A rule, a module that keeps it, one that differs from it only in breaking it, and how the error starts. */
export type Case = readonly [rule: string, valid: string, invalid: string, message: string];

/** One test per case; `wrap` puts both modules into their common surroundings. */
export function cases(list: readonly Case[], wrap: (fields: string) => string = (fields) => fields): void {
  for (const [rule, valid, invalid, message] of list) {
    it(rule, async () => {
      await expect(check(wrap(valid))).resolves.toBeDefined();
      expect((await rejection(wrap(invalid))).message.slice(0, message.length)).toBe(message);
    });
  }
}
