import { readYaml, yamlRefusal } from '../../config/index.ts';
import { type Genesis, genesisSchema } from '../../localnet/index.ts';

/** Reads the world that `--genesis` names. Throws AgentError `CONFIG__…` with file and line of each thing that is wrong. */
export function readGenesis(path: string): Genesis {
  const file = readYaml(path);
  const checked = genesisSchema.safeParse(file.value);
  if (checked.success) return checked.data;
  const problems = checked.error.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key], problem: 'unknown key' }))
      : [{ path: issue.path, problem: issue.message }],
  );
  throw yamlRefusal(file, problems);
}
