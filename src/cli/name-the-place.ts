import type { LoadedConfig } from '../config/index.ts';
import { AgentError, isAgentError } from '../lib/index.ts';

/**
 * The same error, with the line of the configuration that names the file or the address which could not be used: that is where a person has to
 * look. Other errors stay as they are.
 */
export function nameThePlace(error: unknown, { placeOf }: Pick<LoadedConfig, 'placeOf'>): unknown {
  if (!isAgentError(error)) return error;
  const context: Readonly<Record<string, unknown>> = error.context;
  const text = (name: string): string => String(context[name]);
  const placed = (name: string): string => {
    const place = placeOf(text(name));
    return place === undefined ? text(name) : `${text(name)} (${place})`;
  };
  const { code, cause } = error;
  switch (code) {
    case 'CONFIG__SECRET_UNREADABLE':
      return new AgentError(code, { key: text('key'), file: placed('file'), problem: text('problem') }, { cause });
    case 'CONFIG__KEYPAIR_UNREADABLE':
    case 'CONFIG__KEYPAIR_INVALID':
      return new AgentError(code, { file: placed('file'), problem: text('problem') }, { cause });
    case 'CONFIG__KEYPAIR_MISSING':
    case 'CONFIG__KEYPAIR_MISMATCH':
      return new AgentError(code, { file: placed('file') }, { cause });
    case 'CONFIG__CANNOT_LISTEN':
      return new AgentError(code, { address: placed('address'), problem: text('problem') }, { cause });
    default:
      return error;
  }
}
