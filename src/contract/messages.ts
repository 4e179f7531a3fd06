import { EVENTS, type FlowEvent } from './status.js';
import { Words } from './words.js';

/** What was told on a flow's channel. Without `payload` the record has it. */
export interface FlowMessage {
  readonly event: FlowEvent;
  readonly origin: number;
  readonly fence: number;
  readonly at: number;
  readonly payload: Buffer | undefined;
}

const NEWLINE = 10;
const PLACES = ['inline', 'stored'] as const;

/** Undefined for anything that is not a message of this version: whoever hears it reads the record instead. */
export function parseMessage(bytes: Buffer): FlowMessage | undefined {
  const end = bytes.indexOf(NEWLINE);
  if (end < 0) return undefined;
  const words = new Words(bytes, 0, end);
  const version = words.number();
  const event = words.oneOf(EVENTS);
  const origin = words.number();
  const fence = words.number();
  const at = words.number();
  const where = words.oneOf(PLACES);
  if (version !== 1 || !event || !where || !words.over) return undefined;
  if (!Number.isSafeInteger(origin) || !Number.isSafeInteger(fence)) return undefined;
  return { event, origin, fence, at, payload: where === 'inline' ? bytes.subarray(end + 1) : undefined };
}
