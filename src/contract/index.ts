export { jsonCodec, type Codec, type CodecPlace } from './codec.js';
export { sealedCodec, type SealedCodecOptions } from './sealed-codec.js';
export { type ErrorInfo } from './error-info.js';
export { keysOf, flowOfKey, hintChannelOf, type FlowKeys } from './keys.js';
export { parseMessage, type FlowMessage } from './messages.js';
export {
  manifest,
  scripts,
  type Manifest,
  type ManifestEntry,
  type ManifestScript,
  type Script,
  type Verb,
} from './scripts.js';
export { type FlowEvent, type FlowStatus, type SettleStatus, type TerminalStatus } from './status.js';
