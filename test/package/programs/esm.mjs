import { createBroker } from 'flowbroker';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { manifest, scripts } from 'flowbroker/contract';
import { FlowStateManager } from 'flowbroker/librechat';
import { idempotency } from 'flowbroker/idempotency';
import * as express from 'flowbroker/idempotency/express';
import * as fastify from 'flowbroker/idempotency/fastify';
import * as hono from 'flowbroker/idempotency/hono';

const broker = createBroker({ redis: process.env.REDIS_URL ?? 'redis://127.0.0.1:1' });
const logins = broker.define('logins', { timeoutMs: 1_000 });
if (typeof logins.run !== 'function') throw new Error('define() gave no run()');
const manager = new FlowStateManager(broker);
if (typeof manager.createFlow !== 'function') throw new Error('flowbroker/librechat has no FlowStateManager');
// No framework is installed here: none may be needed to load its adapter.
for (const make of [idempotency, express.idempotency, fastify.idempotency, hono.idempotency])
  make(broker, { scope: () => '' });
const lua = (file) => readFileSync(createRequire(import.meta.url).resolve(`flowbroker/lua/${file}`), 'utf8');
for (const [verb, { file, sha1 }] of Object.entries(manifest.scripts)) {
  if (lua(file) !== scripts[verb].lua || sha1 !== scripts[verb].sha1)
    throw new Error(`${file} is another script`);
}
for (const file of ['manifest.json', 'manifest.schema.json']) JSON.parse(lua(file));
if (!lua('flowbroker.lua').startsWith('#!lua name=flowbroker'))
  throw new Error('the Function library is missing');
await broker.close();
console.log('esm ok');
