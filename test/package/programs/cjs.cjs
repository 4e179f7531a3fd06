const { readFileSync } = require('node:fs');
const { createBroker } = require('flowbroker');
const { manifest, scripts } = require('flowbroker/contract');
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
  const published = JSON.parse(readFileSync(require.resolve('flowbroker/lua/manifest.json'), 'utf8'));
  if (JSON.stringify(published) !== JSON.stringify(manifest)) throw new Error('the manifests differ');
  if (!scripts.create.lua.includes('KEYS[1]')) throw new Error('flowbroker/contract has no scripts');
  require.resolve('flowbroker/package.json');
  // No framework is installed here: none may be needed to load its adapter.
  for (const { idempotency } of adapters) idempotency(broker, { scope: () => '' });
  await broker.close();
  console.log('cjs ok');
}

void main();
