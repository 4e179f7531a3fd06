import { createBroker } from 'flowbroker';
import * as contract from 'flowbroker/contract';
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
if (Object.keys(contract).length === 0) throw new Error('flowbroker/contract exports nothing');
// No framework is installed here: none may be needed to load its adapter.
for (const make of [idempotency, express.idempotency, fastify.idempotency, hono.idempotency])
  make(broker, { scope: () => '' });
await broker.close();
console.log('esm ok');
