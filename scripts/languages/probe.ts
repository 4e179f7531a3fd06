import { spawnSync } from 'node:child_process';

/** A command that succeeds where a tool is there, and how to read its version from what it prints. */
export interface Probe {
  readonly command: readonly string[];
  /** Its groups are the version's numbers. */
  readonly version?: RegExp;
  readonly least?: readonly number[];
}

/** What is wrong with the tool: it is missing, or older than wanted; undefined where it will do. */
export function faultOf({ command: [file = '', ...args], version, least = [] }: Probe): string | undefined {
  const { status, stdout } = spawnSync(file, args, {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
    env: process.env,
  });
  if (status !== 0) return `${file} is missing, or lacks what is needed`;
  if (!version) return undefined;
  const found = version.exec(stdout)?.slice(1).map(Number);
  if (!found) return `${file} does not say its version`;
  return isOlder(found, least) ? `${file} says ${found.join('.')}, which is older` : undefined;
}

function isOlder(found: readonly number[], least: readonly number[]): boolean {
  const at = least.findIndex((number, index) => number !== found[index]);
  return at >= 0 && (found[at] ?? 0) < (least[at] ?? 0);
}
