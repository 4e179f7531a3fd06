// Tokens that Redis cannot read, and changing the key that seals them.
// Run: npm run build && npx ts-node examples/sealed.ts   (Redis at REDIS_URL, or on localhost)
import { randomBytes, randomUUID } from 'node:crypto';
import { createBroker, sealedCodec, type Codec, type FlowError } from 'flowbroker';
import { Redis } from 'ioredis';

interface Tokens {
  readonly accessToken: string;
}

// 32 bytes each, as bytes or base64: from your secret store, not from the code.
const october = randomBytes(32);
const november = randomBytes(32).toString('base64');

const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://localhost:6379');
const broker = createBroker({ redis }); // borrowed: the broker never closes it
const logins = (codec: Codec) => broker.define<Tokens>('sealed-login', { codec });

// A rotation in three steps, each everywhere before the next: add the new key, seal with it, drop the old one.
const before = logins(sealedCodec({ keys: { october }, current: 'october' }));
const during = logins(sealedCodec({ keys: { october, november }, current: 'november' }));
const after = logins(sealedCodec({ keys: { november }, current: 'november' }));

async function main(): Promise<void> {
  const [old, young] = [randomUUID(), randomUUID()];
  await before.create(old);
  await before.complete(old, { accessToken: 'sealed in october' });
  await during.create(young);
  await during.complete(young, { accessToken: 'sealed in november' });

  const stored = (await redis.getBuffer(`flow:{sealed-login:${old}}`)) ?? Buffer.alloc(0);
  console.log(`Redis holds ${String(stored.length)} bytes; readable:`, stored.includes('sealed in october'));

  console.log('with both keys:', (await during.wait(old)).accessToken);
  console.log('with the new key alone:', (await after.wait(young)).accessToken);
  // Drop a key only when the longest retention has passed: what it sealed opens no more.
  const code = await after.wait(old).catch((error: unknown) => (error as FlowError).code);
  console.log('the old one with the new key alone:', code);

  await broker.close();
  redis.disconnect();
}

void main();
