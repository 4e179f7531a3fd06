import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { acquireRedis } from '../../scripts/redis/index.js';
import { JAVA_SETTLER, ROOT } from '../../scripts/languages/toolchains.js';
import { createBroker } from '../../src/index.js';

const present = (process.env['LANGUAGES'] ?? '').split(' ');
const itWith = present.includes('java') ? it : it.skip;

itWith('the example in Java completes and fails what Node waits for', async () => {
  const server = await acquireRedis();
  const broker = createBroker({ redis: server.url });
  const settle = (...args: string[]): string =>
    execFileSync('java', ['-cp', JAVA_SETTLER, 'Settle', server.url, join(ROOT, 'lua'), 'login', ...args], {
      encoding: 'utf8',
    }).trim();
  try {
    const logins = broker.define('login');
    const [good, bad] = [randomUUID(), randomUUID()];
    const opened = await logins.open(good);
    expect(settle(good, 'COMPLETED', '{"token":"é 😀"}')).toBe('applied');
    expect(await opened.outcome).toEqual({ token: 'é 😀' });
    expect(settle(good, 'COMPLETED', '{}')).toBe('already_settled');
    const failing = await logins.open(bad);
    expect(settle(bad, 'FAILED', '{"name":"Denied","message":"no","code":"access_denied"}')).toBe('applied');
    await expect(failing.outcome).rejects.toMatchObject({
      code: 'ERR_FLOW_FAILED',
      cause: { name: 'Denied', message: 'no', code: 'access_denied' },
    });
    expect(settle(randomUUID(), 'COMPLETED', '{}')).toBe('not_found');
  } finally {
    await broker.close();
    await server.stop();
  }
});
