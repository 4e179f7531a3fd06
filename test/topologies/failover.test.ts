import { startCluster, type RedisCluster } from '../../scripts/redis/index.js';
import { FAULTS, type FaultName } from './failover/faults.js';
import { trial } from './failover/trial.js';

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await startCluster();
}, 60_000);
afterAll(() => cluster.stop());

// A failover that was asked for loses nothing; one by force loses what the replica had not got yet, and the calls that the master died with may time out.
const ORDERLY: readonly string[] = ['CLUSTER FAILOVER', 'slots move'];
const NEVER = ['wrong', 'ERR_FLOW_RECORD', 'ERR_FLOW_SUPERSEDED', 'ERR_FLOW_TIMED_OUT'];

// So rarely that no wait ends by them: what the wake path loses would hang.
const SELDOM = { heartbeatMs: 600_000, rereadMs: 600_000 };

it.each(Object.keys(FAULTS) as FaultName[])(
  'ends every one of 2,000 waits with its own value, under load, through: %s',
  async (fault) => {
    const orderly = ORDERLY.includes(fault);
    const { hung, otherwise, wakes } = await trial(cluster, {
      ...{ fault, beforeMs: 300, afterMs: 500 },
      ...(orderly && { broker: SELDOM }),
    });
    expect(hung).toBe(0);
    expect(wakes).toBeGreaterThan(2_000);
    if (orderly) expect(otherwise).toEqual({});
    else expect(NEVER.filter((code) => code in otherwise)).toEqual([]);
  },
  60_000,
);
