import { FlowInvalidArgumentError, type FlowName } from '../errors.js';

const TYPE = /^[A-Za-z0-9_.-]{1,64}$/;
const PREFIX = /^[A-Za-z0-9_.:-]{1,64}$/;
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
const MAX_ID_BYTES = 512;
// What nearly every id is; anything else is looked at more closely.
const PLAIN = /^[ -~]{1,512}$/;

/** The two keys of a flow; the record's key is its channel too. Both fall into one Cluster slot, whatever the id holds. */
export interface FlowKeys {
  readonly record: string;
  readonly timer: string;
}

export function keysOf(prefix: string, flow: FlowName): FlowKeys {
  const record = recordKeyOf(prefix, flow);
  return { record, timer: timerKeyOf(record) };
}

export function recordKeyOf(prefix: string, flow: FlowName): string {
  return `${prefix}:{${flow.type}:${flow.id}}`;
}

export function timerKeyOf(record: string): string {
  return `${record}:timer`;
}

/** No flow has this type: under it the generation leases have keys and channels of their own. */
const LEASE_TYPE = '@lease';

/** The name under which a generation lease has its keys, its channel and its waiters. */
export function leaseName(name: unknown): FlowName {
  return { type: LEASE_TYPE, id: checkName(LEASE_TYPE, name) };
}

export function isLease(name: FlowName): boolean {
  return name.type === LEASE_TYPE;
}

/** The channel on which Redis tells that a timer ran out, where keyspace events are on. */
export function hintChannelOf(db: number, keys: Pick<FlowKeys, 'timer'>): string {
  return `__keyspace@${String(db)}__:${keys.timer}`;
}

/** The channel on which a broker listens for its own heartbeat. */
export function heartbeatChannelOf(prefix: string, brokerId: string): string {
  return `${prefix}:heartbeat:${brokerId}`;
}

/** The flow a record key belongs to, or undefined for any other key. */
export function flowOfKey(prefix: string, key: string): FlowName | undefined {
  const head = `${prefix}:{`;
  if (!key.startsWith(head) || !key.endsWith('}')) return undefined;
  const name = key.slice(head.length, -1);
  const colon = name.indexOf(':');
  if (colon < 1) return undefined;
  const flow = { type: name.slice(0, colon), id: name.slice(colon + 1) };
  return TYPE.test(flow.type) && flow.id.length > 0 ? flow : undefined;
}

export function checkType(type: unknown): string {
  if (typeof type === 'string' && TYPE.test(type)) return type;
  throw new FlowInvalidArgumentError(`type must be 1 to 64 of A-Z a-z 0-9 _ . -, got ${show(type)}`);
}

export function checkPrefix(prefix: unknown): string {
  if (typeof prefix === 'string' && PREFIX.test(prefix)) return prefix;
  throw new FlowInvalidArgumentError(`prefix must be 1 to 64 of A-Z a-z 0-9 _ . : -, got ${show(prefix)}`);
}

export function checkId(type: string, id: unknown): string {
  return checkName(type, id);
}

function checkName(type: string, name: unknown): string {
  if (typeof name !== 'string')
    throw new FlowInvalidArgumentError(`${described(type)} must be a string, got ${show(name)}`);
  if (PLAIN.test(name)) return name;
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > MAX_ID_BYTES) {
    throw new FlowInvalidArgumentError(
      `${described(type)} must be 1 to ${String(MAX_ID_BYTES)} bytes, got ${String(bytes)}`,
    );
  }
  if (CONTROL.test(name))
    throw new FlowInvalidArgumentError(`${described(type)} must have no control characters`);
  if (!isWellFormed(name))
    throw new FlowInvalidArgumentError(`${described(type)} must be well-formed Unicode`);
  return name;
}

function described(type: string): string {
  return type === LEASE_TYPE ? 'name of a lease' : `id of a ${type} flow`;
}

// A lone surrogate would be sent as U+FFFD, and two different ids would meet in one key.
function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

function show(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 80))
    : value === null
      ? 'null'
      : typeof value;
}
