import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultDeniedHeaders, IDEMPOTENCY_DEFAULTS } from '../../../src/adapters/idempotency/index.js';
import { idempotencySettings } from '../../../src/adapters/idempotency/options.js';
import { PROBLEMS } from '../../../src/adapters/idempotency/problem.js';
import * as flowbroker from '../../../src/index.js';
import { recipes } from '../../helpers/recipes.js';

const root = join(__dirname, '..', '..', '..');
const page = (name: string): string => readFileSync(join(root, name), 'utf8');

/** The first cells of a page's table rows that name code. */
function firstCells(text: string): string[][] {
  return [...text.matchAll(/^\| `([^`]+)` \| (?:`([^`]+)` )?/gm)].map(([, first, second]) => [
    first!,
    second ?? '',
  ]);
}

it('describes every error that is exported, and no other', () => {
  const described = firstCells(page('docs/errors.md')).map(([code, name]) => `${code!} ${name!}`);
  const exported = Object.entries(flowbroker).flatMap(([name, value]) => {
    if (typeof value !== 'function' || !/^Flow\w+Error$/.test(name)) return [];
    const error = new (value as new (message: string) => flowbroker.FlowError)('');
    return [`${error.code} ${name}`];
  });
  expect(described.sort()).toEqual(exported.sort());
});

it('describes every option, with its default, and no other', () => {
  const [, brokerPart = '', flowPart = ''] = page('docs/guide.md').split(/^### (?:createBroker|define)$/m);
  const defaults = (part: string): Record<string, string> =>
    Object.fromEntries(
      [...part.matchAll(/^\| `(\w+)` \| ([^|]*) \|/gm)].map(([, name, text]) => [name!, text!.trim()]),
    );
  const plain = (value: unknown): string => String(value).replace(/\B(?=(\d{3})+$)/g, ',');
  const { broker, flow } = flowbroker.DEFAULTS;
  for (const [part, values] of [
    [brokerPart, broker],
    [flowPart, flow],
  ] as const) {
    const described = defaults(part);
    for (const [name, value] of Object.entries(values)) {
      expect(described).toHaveProperty(name);
      if (typeof value === 'number' && name !== 'maxAttempts') expect(described[name]).toBe(plain(value));
    }
  }
  expect(Object.keys(defaults(brokerPart)).sort()).toEqual(
    [...Object.keys(broker), 'logger', 'redis'].sort(),
  );
  expect(Object.keys(defaults(flowPart)).sort()).toEqual(
    [...Object.keys(flow), 'codec', 'freshUntil', 'quorum', 'retentionMs'].sort(),
  );
});

it('describes every option of idempotency, with its default, and no other; and every problem', () => {
  const text = page('docs/idempotency.md');
  const [problems = '', options = ''] = text.split(/^## Options$/m);
  const described = Object.fromEntries(
    [...options.matchAll(/^\| `(\w+)` \| ([^|]*) \|/gm)].map(([, name, value]) => [name!, value!.trim()]),
  );
  const plain = (value: unknown): string =>
    [value]
      .flat()
      .map((one) => (typeof one === 'number' ? one.toLocaleString('en') : `\`${String(one)}\``))
      .join(', ');
  const defaults = Object.entries(IDEMPOTENCY_DEFAULTS).map(([name, value]) => [name, plain(value)]);
  expect(described).toMatchObject(Object.fromEntries(defaults) as Record<string, string>);
  const settings = idempotencySettings({ scope: () => '' });
  expect(Object.keys(described).sort()).toEqual(Object.keys(settings).sort());

  const rows = [...problems.matchAll(/^\| (\d+) \| `(\w+)` \|/gm)].map(([, status, code]) => [
    code,
    Number(status),
  ]);
  expect(rows).toEqual(Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]));
  for (const name of defaultDeniedHeaders) expect(text.toLowerCase()).toContain(`\`${name}\``);
});

it('links only to files that are there', () => {
  for (const name of [
    'README.md',
    'docs/guide.md',
    'docs/migrating-from-librechat.md',
    'docs/contract.md',
    'docs/errors.md',
    'docs/idempotency.md',
    'docs/recipes.md',
    'docs/reliability.md',
    'docs/redis-cli.md',
    'clients/python/README.md',
    'test/contract/vectors/README.md',
    'docs/topologies.md',
    'docs/compatibility.md',
    'examples/README.md',
    ...recipes.map(({ name }) => `examples/${name}/README.md`),
  ]) {
    for (const [, target] of page(name).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      expect({ name, target, there: existsSync(join(root, name, '..', target!)) }).toMatchObject({
        there: true,
      });
    }
  }
});

it('quotes in the page on recipes what stands in their files', () => {
  const lines = (text: string): string =>
    text
      .trim()
      .split('\n')
      .map((line) => line.trim())
      .join('\n');
  const quotes = [...page('docs/recipes.md').matchAll(/^```ts\n\/\/ (\S+)\n([^]*?)^```$/gm)];
  expect(quotes).toHaveLength([...page('docs/recipes.md').matchAll(/^```ts$/gm)].length);
  for (const [, file, quote] of quotes) expect(lines(page(file!))).toContain(lines(quote!));
});
