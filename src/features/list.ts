import type { FlowRecord } from '../broker/record.js';
import { flowRecord } from '../broker/record.js';
import { failureOf } from '../broker/failures.js';
import type { Settings } from '../broker/settings.js';
import { flowOfKey } from '../contract/keys.js';
import type { FlowStatus } from '../contract/status.js';
import { FlowRecordError } from '../errors.js';
import type { Line } from '../redis/line.js';
import type { Topology } from '../redis/topology.js';
import type { Core } from '../waiters/core.js';

const COUNT = 500;

/** Walks the keyspace for flows of one type; see `Flows.list`. */
export async function* list<T, M>(
  core: Core,
  topology: Topology,
  prefix: string,
  settings: Settings,
  status: FlowStatus | undefined,
): AsyncGenerator<FlowRecord<T, M>, void, undefined> {
  const { type, payloads } = settings;
  const pattern = `${prefix}:{${type}:*}`;
  const seen = new Set<string>();
  for await (const keys of keysLike(topology, type, pattern)) {
    const flows = keys.flatMap((key) => {
      if (seen.has(key)) return []; // SCAN may give a key more than once, and so may servers between which it moves
      seen.add(key);
      return flowOfKey(prefix, key) ?? [];
    });
    const replies = await Promise.allSettled(flows.map((flow) => core.verbs.read(flow)));
    for (const [at, reply] of replies.entries()) {
      const flow = flows[at];
      if (reply.status === 'rejected') {
        if (reply.reason instanceof FlowRecordError) continue; // something else lives under this key
        throw reply.reason as Error;
      }
      const { record } = reply.value;
      if (flow && record && (status === undefined || record.status === status))
        yield flowRecord<T, M>(flow, record, payloads);
    }
  }
}

async function* keysLike(
  topology: Topology,
  type: string,
  pattern: string,
): AsyncGenerator<string[], void, undefined> {
  const masters = await mastersOf(topology, type);
  for (const master of masters) {
    let cursor = '0';
    do {
      const [next, keys] = await scan(master, type, cursor, pattern);
      cursor = next;
      yield keys;
    } while (cursor !== '0');
  }
}

async function mastersOf(topology: Topology, type: string): Promise<readonly Line[]> {
  try {
    return await topology.masters();
  } catch (error) {
    throw failureOf(error, { type, id: '*' }, 'list');
  }
}

async function scan(
  commands: Line,
  type: string,
  cursor: string,
  pattern: string,
): Promise<[string, string[]]> {
  try {
    return await commands.send((redis) =>
      redis.scan(cursor, 'MATCH', pattern, 'COUNT', COUNT, 'TYPE', 'string'),
    );
  } catch (error) {
    throw failureOf(error, { type, id: '*' }, 'list');
  }
}
