import type { Reply } from '../contract/replies.js';
import type { FlowName } from '../errors.js';

/** What waiting needs of the broker. */
export interface WaitersOptions {
  readonly rereadMs: number;
  read(flow: FlowName): Promise<Reply<'found' | 'not_found'>>;
  channelOf(flow: FlowName): string;
  /** Undefined while keyspace hints are not to be had. */
  readonly hintChannelOf: (flow: FlowName) => string | undefined;
  /** Waiting begins, waiting ends: there is a first watch, there is none left. */
  busy(): void;
  quiet(): void;
}
