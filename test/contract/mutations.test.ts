import { randomUUID } from 'node:crypto';
import { acquireRedis, type AcquiredRedis } from '../../scripts/redis/index.js';
import { type AnyVerb, flattened, type Verb } from './helpers/variants.js';
import { checkModel } from './model/property.js';
import { ModelServer } from './model/server.js';

interface Mutation {
  readonly what: string;
  readonly verb: Verb;
  readonly guard: string;
  readonly broken: string;
}

const MUTATIONS: readonly Mutation[] = [
  {
    what: 'a quick create overwrites what stands there',
    verb: 'create',
    guard: ", 'NX')",
    broken: ')',
  },
  {
    what: 'a quick settle completes a flow past its deadline',
    verb: 'settle',
    guard: ' or deadline <= now.text then',
    broken: ' then',
  },
  {
    what: 'a quick settle completes what is to fail',
    verb: 'settle',
    guard: "and given[3] == 'COMPLETED' ",
    broken: '',
  },
  {
    what: 'a quick settle takes no notice of the options',
    verb: 'settle',
    guard: "if (#given == 5 or #given == 7 and given[6] == 'ownChannel') and",
    broken: 'if',
  },
  {
    what: 'a quick create takes no notice of the options',
    verb: 'create',
    guard: 'if #given == 4 and',
    broken: 'if',
  },
  {
    what: 'settle ignores the fence',
    verb: 'settle',
    guard: 'if fence and record.fence ~= fence then',
    broken: 'if false then',
  },
  {
    what: 'settle does not know its own request again',
    verb: 'settle',
    guard: 'record.settledBy == request or ',
    broken: '',
  },
  {
    what: 'settle overwrites a terminal record',
    verb: 'settle',
    guard: 'if not replace then',
    broken: 'if false then',
  },
  {
    what: 'replace keeps the fence',
    verb: 'settle',
    guard: 'record.fence = next_fence(record.fence, now)',
    broken: '',
  },
  {
    what: 'create takes a live lease over',
    verb: 'create',
    guard: 'if plan.leaseMs and lapsed(record, now) then',
    broken: "if plan.leaseMs and record.leaseUntil ~= '-' then",
  },
  {
    what: 'create forgets maxAttempts',
    verb: 'create',
    guard: 'if most > 0 and tonumber(record.attempt) >= most then',
    broken: 'if false then',
  },
  {
    what: 'create allows one attempt more',
    verb: 'create',
    guard: 'tonumber(record.attempt) >= most',
    broken: 'tonumber(record.attempt) > most',
  },
  {
    what: 'create does not know its own request again',
    verb: 'create',
    guard: 'if record.createdBy == plan.request then',
    broken: 'if false then',
  },
  {
    what: 'a replayed supersede supersedes who superseded it',
    verb: 'create',
    guard: 'if displaced and tonumber(record.attempt) < 2 then',
    broken: 'if false then',
  },
  {
    what: 'a replayed supersede supersedes who took its flow over',
    verb: 'create',
    guard: "if plan.conflict == 'supersede' and not displaced then",
    broken: "if plan.conflict == 'supersede' then",
  },
  {
    what: 'create hands the rejected fence back',
    verb: 'create',
    guard: 'if record.fence == plan.rejectFence then',
    broken: 'if false then',
  },
  {
    what: 'create hands a stale result back',
    verb: 'create',
    guard: "return record.freshUntil == '-' or record.freshUntil - now.ms >= tonumber(plan.minFreshMs or 0)",
    broken: 'return true',
  },
  {
    what: 'create runs again what used up its attempts',
    verb: 'create',
    guard: "if record.settledBy == 'owner_lost' then return true end",
    broken: '',
  },
  {
    what: 'create ignores the origin asked for',
    verb: 'create',
    guard: 'if plan.origin and record.origin ~= plan.origin then',
    broken: 'if false then',
  },
  {
    what: 'takeover keeps the fence',
    verb: 'create',
    guard: 'record.fence = next_fence(record.fence, now)',
    broken: '',
  },
  {
    what: 'renew is open to everybody',
    verb: 'renew',
    guard: 'if not holds(record, fence, owner) then',
    broken: "if record.leaseUntil == '-' then",
  },
  {
    what: 'renew asks for the owner only',
    verb: 'renew',
    guard: "return record.leaseUntil ~= '-' and record.fence == fence and record.owner == owner",
    broken: "return record.leaseUntil ~= '-' and record.owner == owner",
  },
  {
    what: 'release asks for the fence only',
    verb: 'release',
    guard: "return record.leaseUntil ~= '-' and record.fence == fence and record.owner == owner",
    broken: "return record.leaseUntil ~= '-' and record.fence == fence",
  },
  {
    what: 'a replayed settle settles the successor',
    verb: 'settle',
    guard: ' or record.endedBy == request then',
    broken: ' then',
  },
  {
    what: 'a replayed delete deletes the successor',
    verb: 'delete',
    guard: 'if record.deletedBy == request then',
    broken: 'if false then',
  },
  {
    what: 'create forgets what was deleted',
    verb: 'create',
    guard: 'local before = previous or receipt',
    broken: 'local before = previous',
  },
  {
    what: 'create leaves the timer of the flow that it replaces',
    verb: 'create',
    guard: 'if not plan.timer then drop_timer(keys, before) end',
    broken: '',
  },
  {
    what: 'delete ignores the fence',
    verb: 'delete',
    guard: '(fence and record.fence ~= fence) or ',
    broken: '',
  },
  {
    what: 'read shows a flow past its deadline as pending',
    verb: 'read',
    guard: "if record.status == 'PENDING' and tonumber(record.deadlineAt) <= now.ms then",
    broken: 'if false then',
  },
];

const RUNS = 400;

describe('the model notices that', () => {
  let redis: AcquiredRedis;

  beforeAll(async () => {
    redis = await acquireRedis();
  });

  afterAll(() => redis.stop());

  async function check(source: (verb: AnyVerb) => string): Promise<void> {
    const server = await ModelServer.connect(redis.url, `test-${randomUUID()}`, source);
    try {
      await checkModel(server, { numRuns: RUNS, seed: 5, endOnFailure: true });
    } finally {
      server.close();
    }
  }

  it.each(MUTATIONS)('$what', async ({ verb, guard, broken }) => {
    const lua = flattened(verb);
    // The guard must stand in the script exactly once, or this test would prove nothing.
    expect(lua.split(guard)).toHaveLength(2);
    const mutated = (name: AnyVerb): string => (name === verb ? lua.replace(guard, broken) : flattened(name));
    await expect(check(mutated)).rejects.toThrow(/Property failed after \d+ tests/);
  });

  it('nothing is wrong with the scripts as they are', async () => {
    await check(flattened);
  });
});
