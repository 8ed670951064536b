import { z } from 'zod';
import { settings } from '../../src/config/fields.ts';
import { configSchema } from '../../src/config/schema.ts';
import { snmpVersion, vrf, vrfs } from '../../src/config/schema-sources.ts';
import { NETWORKS } from '../../src/serviceability/index.ts';

/**
 * JSON Schema (draft 2020-12) of a configuration file, for editors. It is weaker than the validation: it has no rule between two settings, and
 * requires nothing outside of lists, since flags and variables may set it.
 */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  const { shape } = configSchema;
  const sections: readonly unknown[] = [...Object.values(shape), shape.policy.unwrap().shape.damping];
  return z.toJSONSchema(configSchema, {
    io: 'input',
    metadata: settings,
    unrepresentable: 'any',
    override: ({ jsonSchema, zodSchema }) => {
      const { expects, form } = jsonSchema;
      for (const ours of ['expects', 'form', 'unit', 'reloadable', 'secret', 'ofNetwork', 'guess']) delete jsonSchema[ours];
      if (typeof expects === 'string' && form !== 'section') jsonSchema.description = `${jsonSchema.description ?? ''} Expects ${expects}.`;
      if (form === 'duration') jsonSchema.pattern = '^\\d+(\\.\\d+)?(ms|s|m|h|d)$';
      // A section with only comments is null.
      if (form === 'section' && sections.includes(zodSchema)) Object.assign(jsonSchema, { type: ['object', 'null'] });
      if (zodSchema === configSchema || sections.includes(zodSchema)) delete jsonSchema.required;
      if (zodSchema === vrf) replace(jsonSchema, { anyOf: [{ type: 'string' }, { ...jsonSchema }] });
      if (zodSchema === snmpVersion) {
        jsonSchema.enum = ['2c', '3', 3];
        delete jsonSchema.type;
      }
      if (zodSchema === vrfs) {
        const { description, default: standard, ...list } = jsonSchema;
        replace(jsonSchema, { description, default: standard, anyOf: [{ const: 'auto' }, { ...list, minItems: 1 }] });
      }
      if (zodSchema === configSchema.shape.env) jsonSchema.enum = NETWORKS.flatMap(({ name, aliases }) => [name, ...aliases]);
    },
  });
}

function replace(target: object, content: object): void {
  for (const key of Object.keys(target)) Reflect.deleteProperty(target, key);
  Object.assign(target, content);
}
