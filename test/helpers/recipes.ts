import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const examples = join(__dirname, '..', '..', 'examples');

/** A folder of examples/ with a main.ts that plays it, and a README that says what it needs and prints. */
export interface Recipe {
  readonly name: string;
  readonly folder: string;
  /** Every TypeScript file of it. */
  readonly files: readonly string[];
  /** What its README tells a reader to install, as `name` or `name@range`. */
  readonly installs: readonly string[];
  /** What its README says that it prints. */
  readonly prints: string;
}

/** Every recipe there is: to add one, add its folder. */
export const recipes: readonly Recipe[] = readdirSync(examples)
  .filter((name) => existsSync(join(examples, name, 'main.ts')))
  .map(recipe);

function recipe(name: string): Recipe {
  const folder = join(examples, name);
  const readme = readFileSync(join(folder, 'README.md'), 'utf8');
  const installs = [...readme.matchAll(/^npm install (?:--save-dev )?(.+)$/gm)].flatMap(([, list]) =>
    list!.split(' '),
  );
  const [, prints = ''] = /^It prints:\n\n```text\n([^]*?)^```$/m.exec(readme) ?? [];
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(folder, file));
  return { name, folder, files, installs, prints };
}
