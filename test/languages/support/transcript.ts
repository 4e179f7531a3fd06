import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { ROOT } from '../../../scripts/languages/toolchains.js';

/** One command of a page, and what the page shows of its output. */
export interface Entry {
  readonly command: string;
  readonly output: string;
}

/** The `console` blocks of a page: lines that begin with `$ ` are commands, the others what they print. */
export function transcriptOf(page: string): Entry[] {
  const lines = [...page.matchAll(/^```console\n([^]*?)^```$/gm)].flatMap(([, block]) =>
    block!.trimEnd().split('\n'),
  );
  const entries: { command: string; output: string }[] = [];
  for (const line of lines) {
    if (line.startsWith('$ ')) entries.push({ command: line.slice(2), output: '' });
    else entries.at(-1)!.output += `${line}\n`;
  }
  return entries;
}

/** Types the commands into one shell, as a reader would, and gives what each printed. */
export async function replay(commands: readonly string[], port: number): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'flowbroker-transcript-'));
  symlinkSync(join(ROOT, 'lua'), join(folder, 'lua'));
  const mark = `mark-${process.pid}-`;
  // As on a terminal: replies are numbered and quoted, but plain where a command's output is taken.
  const terminal = `redis-cli() {
    if [ "$BASH_SUBSHELL" = 0 ]; then command redis-cli -p ${port} --no-raw "$@"; else exec redis-cli -p ${port} --raw "$@"; fi
  }`;
  const script = [terminal, ...commands.map((command, at) => `${command}\necho "${mark}${at}"`)].join('\n');
  try {
    const shell = spawn('bash', ['-c', `exec 2>&1\n${script}`], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [output] = await Promise.all([text(shell.stdout), once(shell, 'exit')]);
    return output.split(new RegExp(`^${mark}\\d+\\n`, 'm')).slice(0, -1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
