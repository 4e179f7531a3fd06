import { type Redis } from 'ioredis';

/** What the scripts may do, and how many of each command's first arguments are keys (or the channel). */
const KEYS_OF: Readonly<Record<string, number>> = {
  TIME: 0,
  DEL: 1,
  GET: 1,
  SET: 1,
  PUBLISH: 1,
  SPUBLISH: 1,
};
/** The record of a generation lease is a hash. */
const KEYS_OF_LEASE: typeof KEYS_OF = { ...KEYS_OF, HGETALL: 1, HSET: 1, HDEL: 1, PEXPIREAT: 1 };
const RUNS = new Set(['EVAL', 'EVALSHA', 'FCALL']);

/** Watches with MONITOR what each script touches, beside what it declared. */
export class Footprint {
  readonly problems: string[] = [];
  commands = 0;
  #declared: string[] = [];
  #own: string | undefined;

  constructor(readonly monitor: Redis) {
    monitor.on('monitor', (_time: string, parts: string[], source: string) => {
      const command = parts[0]!.toUpperCase();
      if (source === 'lua') this.#inside(command, parts);
      else if (RUNS.has(command)) {
        this.#declared = parts.slice(3, 3 + Number(parts[2]));
        const option = parts.indexOf('ownChannel');
        this.#own = option < 0 ? undefined : parts[option + 1];
      }
    });
  }

  #inside(command: string, parts: readonly string[]): void {
    this.commands += 1;
    const keys = (this.#declared[0]?.includes('{@lease:') ? KEYS_OF_LEASE : KEYS_OF)[command];
    if (keys === undefined) this.problems.push(`${command} is not among the commands of the contract`);
    else if (command.endsWith('PUBLISH') && parts[1] === this.#own) return;
    else if (parts.slice(1, 1 + keys).some((key) => !this.#declared.includes(key)))
      this.problems.push(`${parts.join(' ')} touches what was not declared: ${this.#declared.join(' ')}`);
    else if (command.endsWith('PUBLISH') && parts[1] !== this.#declared[0])
      this.problems.push(`${parts.join(' ')} publishes elsewhere than on the record's key`);
  }
}
