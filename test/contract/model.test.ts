import { randomInt, randomUUID } from 'node:crypto';
import { acquireRedis, type AcquiredRedis } from '../../scripts/redis/index.js';
import { flattened } from './helpers/variants.js';
import { checkModel } from './model/property.js';
import { ModelServer } from './model/server.js';

const numRuns = Number(process.env['FLOWBROKER_MODEL_RUNS'] ?? (process.env['CI'] === 'true' ? 200 : 2000));
const seed = Number(process.env['FLOWBROKER_MODEL_SEED'] ?? randomInt(2 ** 31));

describe('the scripts and an independent model of the state table', () => {
  let redis: AcquiredRedis;
  let server: ModelServer;

  beforeAll(async () => {
    redis = await acquireRedis();
    server = await ModelServer.connect(redis.url, `test-${randomUUID()}`, flattened);
  });

  afterAll(async () => {
    server.close();
    await redis.stop();
  });

  it(`agree on ${numRuns} random histories (FLOWBROKER_MODEL_SEED=${seed})`, async () => {
    process.stdout.write(`model: ${numRuns} runs, FLOWBROKER_MODEL_SEED=${seed}\n`);
    await checkModel(server, { numRuns, seed });
  }, 600_000);
});
