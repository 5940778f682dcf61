import type { Module } from '../../asyncify/binary/module.ts';
import { decode } from '../../asyncify/index.ts';
import { isTransformed } from '../../asyncify/manifest.ts';
import { BobbinError } from '../index.ts';
import { CommandError, readFile } from './command.ts';

/** A module as a file has it. */
export interface Input {
  readonly bytes: Uint8Array;
  readonly module: Module;
  /** Whether it went through the transform before. */
  readonly transformed: boolean;
}

/** Reads a module, binary or text. Throws {@link CommandError}. */
export async function readModule(path: string): Promise<Input> {
  const content = readFile(path);
  return inFile(path, async () => {
    const bytes = isBinary(path, content) ? content : await assemble(content);
    const module = decode(bytes);
    return { bytes, module, transformed: isTransformed(module) };
  });
}

/** Runs an action whose errors are about a file. */
export async function inFile<T>(path: string, action: () => T | Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof BobbinError || error instanceof CommandError)
      throw new CommandError(`${path}: ${error.message}`);
    if (error instanceof WebAssembly.CompileError) throw new CommandError(`${path}: ${error.message}${hint(error)}`);
    throw error;
  }
}

function hint(error: Error): string {
  if (!/exnref|exn|try_table/.test(error.message)) return '';
  return '\nWhere exception references are behind a flag, it is: node --experimental-wasm-exnref';
}

function isBinary(path: string, content: Uint8Array): boolean {
  return (
    path.endsWith('.wasm') || (content[0] === 0 && content[1] === 0x61 && content[2] === 0x73 && content[3] === 0x6d)
  );
}

// The assembler is loaded for text only.
async function assemble(content: Uint8Array): Promise<Uint8Array> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw new CommandError('neither a WebAssembly binary nor text');
  }
  const { parseText, TextRejected } = await import('../../spec-tests/runner/text.ts');
  try {
    return await parseText(text);
  } catch (error) {
    if (error instanceof TextRejected) throw new CommandError(error.message);
    throw error;
  }
}
