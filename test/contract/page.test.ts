import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReplyError, Redis } from 'ioredis';
import { acquireRedis } from '../../scripts/redis/index.js';
import { scripts, type Verb } from '../../src/contract/index.js';

const page = readFileSync(join(__dirname, '../../docs/contract.md'), 'utf8');

interface Exchange {
  readonly command: string;
  readonly reply: string;
}

/** The page's exchanges: lines that begin with `> ` are commands, those below what comes back. */
function exchanges(): Exchange[] {
  return [...page.matchAll(/^```\n(> EVALSHA [^]*?)^```$/gm)].flatMap(([, block]) =>
    block!
      .split(/^> /m)
      .slice(1)
      .map((text) => {
        const end = text.indexOf('\n');
        return { command: text.slice(0, end), reply: text.slice(end + 1) };
      }),
  );
}

function shown(reply: unknown, indent = ''): string {
  if (reply instanceof Error) return `(error) ${reply.message}\n`;
  if (!Array.isArray(reply)) return `"${String(reply).replaceAll('\n', '\\n')}"\n`;
  return reply.map((part, at) => `${at ? indent : ''}${at + 1}) ${shown(part, `${indent}   `)}`).join('');
}

/** The page's instants and fences with those of this run: each is bound where it first stands in a reply. */
class Numbers {
  readonly #real = new Map<string, string>();

  bind(page: string, real: string): void {
    const reals = real.match(/\d{13,16}/g) ?? [];
    for (const [at, number] of (page.match(/\d{13,16}/g) ?? []).entries())
      if (!this.#real.has(number)) this.#real.set(number, reals[at] ?? number);
  }

  put(page: string): string {
    return page.replace(/\d{13,16}/g, (number) => this.#real.get(number) ?? number);
  }
}

it('answers every exchange on the contract page as it says', async () => {
  const server = await acquireRedis();
  const client = new Redis(server.url);
  const numbers = new Numbers();
  const keys = new Set<string>();
  const list = exchanges();
  expect(new Set(list.map(({ command }) => /<(\w+)>/.exec(command)?.[1]))).toEqual(
    new Set(Object.keys(scripts)),
  );
  try {
    for (const { command, reply } of list) {
      const [, name = '', ...words] = numbers.put(command).match(/"[^"]*"(?= |$)|\S+/g) ?? [];
      const args = words.map((word) => word.replace(/^"(.*)"$/, '$1'));
      const verb = name.slice(1, -1) as Verb;
      for (const key of args.filter((word) => word.startsWith('flow:'))) keys.add(key);
      // A lease of a millisecond is over in two.
      await new Promise((resolve) => setTimeout(resolve, 2));
      const came = await client.call('EVAL', scripts[verb].lua, ...args).catch((error: unknown) => {
        if (error instanceof ReplyError) return error;
        throw error;
      });
      numbers.bind(reply, shown(came));
      expect(`${command}\n${shown(came)}`).toBe(`${command}\n${numbers.put(reply)}`);
    }
  } finally {
    for (const key of keys) await client.del(key);
    client.disconnect();
    await server.stop();
  }
});
