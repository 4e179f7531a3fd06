import type { ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { ensureBuilt } from '../../scripts/built.js';
import { startRedis, type RedisServer } from '../../scripts/redis/index.js';
import { spawnTs } from '../../scripts/spawn-ts.js';

const examples = join(__dirname, '..', '..', 'examples');
let redis: RedisServer;

beforeAll(async () => {
  // The examples import 'flowbroker' as their readers do, which in here is the package's own build.
  ensureBuilt();
  redis = await startRedis();
}, 120_000);
afterAll(() => redis.stop());

function start(name: string, ...args: string[]): ChildProcess {
  const env = { REDIS_URL: redis.url, NO_COLOR: '1' };
  return spawnTs(join(examples, `${name}.ts`), { args, env, stdio: ['ignore', 'pipe', 'inherit'] });
}

/** What it prints, once it has ended by itself. */
async function output(name: string): Promise<string> {
  const child = start(name);
  const exited = once(child, 'exit');
  const printed = await text(child.stdout!);
  expect(await exited).toEqual([0, null]);
  return printed;
}

describe('the example', () => {
  it('rendezvous completes over HTTP what another replica began', async () => {
    const printed = await output('rendezvous');
    expect(printed).toContain('callback: applied');
    expect(printed).toContain("accessToken: 'made with a PKCE verifier'");
  });

  it('single-flight refreshes once for fifty callers, and once more for tokens that were refused', async () => {
    expect(await output('single-flight')).toBe(
      [
        "first: 50 callers got [ 'token 1' ] 1 POST(s) so far",
        "later: 50 callers got [ 'token 1' ] 1 POST(s) so far",
        "refused: 50 callers got [ 'token 2' ] 2 POST(s) so far",
        '',
      ].join('\n'),
    );
  });

  it('approval tells each way to end from the others', async () => {
    expect(await output('approval')).toBe(
      [
        '120: approved by ada',
        '5000: refused: over budget',
        '-1: withdrawn',
        '90000: nobody answered in time',
        '',
      ].join('\n'),
    );
  });

  it('sealed keeps tokens from Redis, and its key can be rotated', async () => {
    const printed = await output('sealed');
    expect(printed).toMatch(/Redis holds \d+ bytes; readable: false/);
    expect(printed).toContain('with both keys: sealed in october');
    expect(printed).toContain('with the new key alone: sealed in november');
    expect(printed).toContain('the old one with the new key alone: ERR_FLOW_CODEC');
  });

  it('diagnostics counts, and tells each transition', async () => {
    const printed = await output('diagnostics');
    expect(printed).toContain("transition order { verb: 'create', verdict: 'created' }");
    expect(printed).toContain("transition order { verb: 'settle', verdict: 'applied' }");
    expect(printed).toContain('stats { waiters: 1, subscriptions: 2, handlers: 0 }');
    expect(printed).toMatch(/stats \{.*transitions: 2,.*listening: true\s*\}/s);
    expect(printed).not.toContain('shipped'); // the payload
  });
});

describe('the example graceful-shutdown', () => {
  function follow(...args: string[]): {
    readonly child: ChildProcess;
    readonly exited: Promise<unknown[]>;
    printed(line: string): Promise<void>;
  } {
    const child = start('graceful-shutdown', ...args);
    const lines = createInterface({ input: child.stdout! });
    const seen: string[] = [];
    lines.on('line', (line) => seen.push(line));
    return {
      child,
      exited: once(child, 'exit'),
      async printed(line) {
        while (!seen.includes(line)) await once(lines, 'line');
      },
    };
  }

  it('finishes a job that is short enough', async () => {
    const { child, exited, printed } = follow(randomUUID(), '0.2');
    await printed('working, attempt 1');
    child.kill('SIGTERM');
    await printed('report: made in attempt 1');
    expect(await exited).toEqual([0, null]);
  });

  it('hands a longer one over, long before its lease ends', async () => {
    const id = randomUUID();
    const first = follow(id, '600');
    await first.printed('working, attempt 1');
    const second = follow(id, '600');
    await second.printed('started');

    const stopped = performance.now();
    first.child.kill('SIGTERM');
    await second.printed('working, attempt 2');
    expect(performance.now() - stopped).toBeLessThan(10_000);
    await first.printed('handed over');
    expect(await first.exited).toEqual([0, null]);

    second.child.kill('SIGTERM');
    expect(await second.exited).toEqual([0, null]);
  });
});

it('has a line in the README for each example, and no other', () => {
  const readme = readFileSync(join(examples, 'README.md'), 'utf8');
  const listed = [...readme.matchAll(/^\| \[([\w-]+\.ts)\]/gm)].map(([, file]) => file);
  expect(listed.sort()).toEqual(readdirSync(examples).filter((file) => file.endsWith('.ts')));
});

describe('the demo', () => {
  it('leaves nothing running when it is interrupted', async () => {
    const demo = spawnTs(join(examples, 'demo', 'index.ts'), {
      env: { REDIS_URL: undefined },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(demo, 'exit');
    const printed = createInterface({ input: demo.stdout! });
    let text = '';
    // All its processes hold the same pipe: it ends when the last of them has ended.
    const ended = once(printed, 'close');
    printed.on('line', (line) => {
      text += `${line}\n`;
      if (line.includes('The same through run()')) demo.kill('SIGINT');
    });
    await ended;
    expect(await exited).toEqual([130, null]);
    const [, url = ''] = /(redis:\S+)/.exec(text) ?? [];
    await expect(answers(url)).resolves.toBe(false);
  });
});

async function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
