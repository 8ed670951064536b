import { AgentError } from '../lib/index.ts';
import { FileProblem, readSmallFile, warnIfOpenToOthers } from './read-file.ts';

export interface LoadedSecret {
  readonly value: string;
  /** One line each; the caller logs them. */
  readonly warnings: readonly string[];
}

const MAX_SECRET_BYTES = 1_024;

/**
 * Reads a secret (a password, a community) from the file that the setting `key` names: one line, without its line end.
 * Throws AgentError `CONFIG__SECRET_UNREADABLE`, which never holds a part of the file.
 */
export function loadSecret(key: string, file: string): LoadedSecret {
  const refuse = (problem: string): AgentError => new AgentError('CONFIG__SECRET_UNREADABLE', { key, file, problem });
  const content = readOr(refuse, file);
  const value = Buffer.from(content.bytes)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (value.trim() === '') throw refuse('it is empty');
  if (/[\p{Cc}\uFFFD]/u.test(value)) throw refuse('it is not one line of text');
  const warning = warnIfOpenToOthers(`the file of ${key},`, file, content);
  return { value, warnings: warning === undefined ? [] : [warning] };
}

function readOr(refuse: (problem: string) => AgentError, file: string) {
  try {
    return readSmallFile(file, MAX_SECRET_BYTES);
  } catch (error) {
    throw error instanceof FileProblem ? refuse(error.message) : error;
  }
}
