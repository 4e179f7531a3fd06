const { readFileSync } = require('node:fs');
const { createBroker } = require('flowbroker');
const contract = require('flowbroker/contract');
const { FlowStateManager } = require('flowbroker/librechat');
const adapters = ['', '/express', '/fastify', '/hono'].map((name) =>
  require(`flowbroker/idempotency${name}`),
);

async function main() {
  const broker = createBroker({ redis: process.env.REDIS_URL ?? 'redis://127.0.0.1:1' });
  const logins = broker.define('logins', { timeoutMs: 1_000 });
  if (typeof logins.run !== 'function') throw new Error('define() gave no run()');
  const manager = new FlowStateManager(broker);
  if (typeof manager.createFlow !== 'function')
    throw new Error('flowbroker/librechat has no FlowStateManager');
  if (Object.keys(contract).length === 0) throw new Error('flowbroker/contract exports nothing');
  const manifest = JSON.parse(readFileSync(require.resolve('flowbroker/lua/manifest.json'), 'utf8'));
  if (typeof manifest !== 'object') throw new Error('lua/manifest.json is not an object');
  require.resolve('flowbroker/package.json');
  // No framework is installed here: none may be needed to load its adapter.
  for (const { idempotency } of adapters) idempotency(broker, { scope: () => '' });
  await broker.close();
  console.log('cjs ok');
}

void main();
