import { parse } from 'yaml';
import type { SettingNode } from './setting-tree.ts';

/** The environment variable of a setting: `ledger.rpcUrls` is DZD_LEDGER_RPC_URLS. */
export function environmentNameOf(key: string): string {
  return `DZD_${key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll('.', '_')
    .toUpperCase()}`;
}

/**
 * The value of a flag or an environment variable as a file would have it. Text that does not fit is handed on as it is, so that the
 * validation says what was expected of it. A list of addresses is separated by commas; a list of sections is written in YAML's one-line form,
 * of which JSON is a part.
 */
export function valueFromText(node: SettingNode, text: string): unknown {
  switch (node.meta.form) {
    case 'number':
      return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'urls':
      return text.split(',').map((part) => part.trim());
    case 'list':
      return fromYaml(text);
    case 'section':
    case 'text':
    case 'choice':
    case 'duration':
    case 'file':
    case 'publicKey':
      return text;
  }
}

function fromYaml(text: string): unknown {
  try {
    return parse(text, { maxAliasCount: 0, prettyErrors: false, logLevel: 'silent', stringKeys: true });
  } catch {
    return text;
  }
}
