export { type IdempotencyContext } from './turn.js';
export { idempotencyFlowId } from './key.js';
export { IDEMPOTENCY_DEFAULTS, type IdempotencyOptions } from './options.js';
export { type IdempotencyProblemCode } from './problem.js';
export { replyCodec } from './reply-codec.js';
export { defaultDeniedHeaders } from './reply.js';
export { idempotency, type Idempotency, type IdempotentHandler } from './web.js';
