import { EVENTS, type FlowEvent } from './status.js';

/** What was told on a flow's channel. Without `payload` the record has it. */
export interface FlowMessage {
  readonly event: FlowEvent;
  readonly origin: number;
  readonly fence: number;
  readonly at: number;
  readonly payload: Buffer | undefined;
}

const NEWLINE = 10;

/** Undefined for anything that is not a message of this version: whoever hears it reads the record instead. */
export function parseMessage(bytes: Buffer): FlowMessage | undefined {
  const end = bytes.indexOf(NEWLINE);
  if (end < 0) return undefined;
  const [version, word, origin, fence, at, where] = bytes.toString('latin1', 0, end).split(' ');
  const event = EVENTS.find((known) => known === word);
  if (version !== '1' || !event || (where !== 'inline' && where !== 'stored')) return undefined;
  const message = {
    event,
    origin: Number(origin),
    fence: Number(fence),
    at: Number(at),
    payload: where === 'inline' ? bytes.subarray(end + 1) : undefined,
  };
  return Number.isSafeInteger(message.origin) && Number.isSafeInteger(message.fence) ? message : undefined;
}
