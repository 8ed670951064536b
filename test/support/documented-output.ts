import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const FOLDER = join(import.meta.dirname, '../../docs/schemas');
const schemas = new Map<string, z.ZodType>();

/** A file of docs/schemas/, as a validator. */
function schemaOf(name: string): z.ZodType {
  const known = schemas.get(name) ?? z.fromJSONSchema(JSON.parse(readFileSync(join(FOLDER, `${name}.schema.json`), 'utf8')));
  schemas.set(name, known);
  return known;
}

/** Throws for a line of JSON that docs/schemas/NAME.schema.json refuses; an unknown key is refused, too. */
export function expectDocumented(name: string, lines: string): void {
  for (const line of lines.split('\n').filter((each) => each !== '')) {
    const { error } = schemaOf(name).safeParse(JSON.parse(line));
    if (error !== undefined) throw new Error(`docs/schemas/${name}.schema.json refuses ${line}: ${error.message}`);
  }
}
