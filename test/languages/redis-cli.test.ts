import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRedis } from '../../scripts/redis/index.js';
import { ROOT } from '../../scripts/languages/toolchains.js';
import { replay, transcriptOf } from './support/transcript.js';

const present = (process.env['LANGUAGES'] ?? '').split(' ');
const itWith = present.includes('redis-cli') ? it : it.skip;

/** Instants and fences differ each time; that two of them are equal, or not, must not. */
function withoutNumbers(text: string): string {
  const seen = new Map<string, string>();
  return text.replace(/\b\d{13,16}\b/g, (number) => {
    const kind = number.length > 13 ? 'fence' : 'instant';
    // The moment of a call differs from that of its neighbours or not, as the machine is fast.
    if (kind === 'instant') return '<instant>';
    const name = seen.get(number) ?? `<fence ${seen.size + 1}>`;
    seen.set(number, name);
    return name;
  });
}

itWith('docs/redis-cli.md prints what it shows', async () => {
  const page = readFileSync(join(ROOT, 'docs', 'redis-cli.md'), 'utf8');
  const entries = transcriptOf(page);
  expect(entries.length).toBeGreaterThan(15);
  const server = await startRedis();
  try {
    const printed = await replay(
      entries.map(({ command }) => command),
      server.port,
    );
    const session = (outputs: readonly string[]): string =>
      withoutNumbers(entries.map(({ command }, at) => `$ ${command}\n${outputs[at] ?? ''}`).join(''));
    expect(session(printed)).toBe(session(entries.map(({ output }) => output)));
  } finally {
    await server.stop();
  }
});
