import { type Flow } from './flow.js';
import { type Argument, type Verb } from './variants.js';

/** Everything under the flow's keys, byte by byte, with expiry and with the names of all keys that begin like them. */
async function contents(flow: Flow): Promise<unknown> {
  const { client } = flow.wiring;
  return Promise.all([
    client.dumpBuffer(flow.key),
    client.dumpBuffer(flow.timer),
    client.pexpiretime(flow.key),
    client.pexpiretime(flow.timer),
    client.keys(`${flow.key}*`).then((keys) => keys.sort()),
  ]);
}

/** The script ends with this code, having written and published nothing. */
export async function expectRefused(
  flow: Flow,
  verb: Verb,
  args: readonly Argument[],
  code: string,
  keys: readonly string[] = [flow.key, flow.timer],
): Promise<void> {
  const before = await contents(flow);
  await expect(flow.raw(verb, keys, args)).rejects.toThrow(new RegExp(`^${code} .{10,}`));
  expect(await contents(flow)).toEqual(before);
  expect(await flow.wiring.subscriber.drain(flow.key)).toEqual([]);
}
