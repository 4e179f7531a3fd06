import type { Flows } from '../../api/flows.js';
import type { RunHandler } from '../../features/run/plan.js';
import { aborted, codeOf, isFailure, rejectionOf } from './failures.js';
import { SEEN, standing, type FlowMetadata } from './flow-state.js';
import { followed, join, joinOrCreate, unlessAborted, type Joined } from './joining.js';
import { LATE_MS } from './options.js';

/** The flows of one type, for whoever waits for them. */
export class Waiting<T> {
  readonly #flows: Flows<T, FlowMetadata>;
  readonly #retained: boolean;

  constructor(flows: Flows<T, FlowMetadata>, retained: boolean) {
    this.#flows = flows;
    this.#retained = retained;
  }

  async create(
    id: string,
    metadata: FlowMetadata,
    signal: AbortSignal | undefined,
    createIfMissing: boolean,
  ): Promise<T> {
    const { type } = this.#flows;
    if (signal?.aborted) throw aborted(type);
    const leaving = new AbortController();
    const joining = createIfMissing
      ? joinOrCreate(this.#flows, id, metadata, this.#retained, leaving.signal)
      : join(this.#flows, id, this.#retained, leaving.signal);
    const work = joining.then(({ outcome }) => outcome);
    try {
      return await unlessAborted(type, signal, work);
    } catch (error) {
      if (signal?.aborted) await this.#takeDown(id, joining); // only its answer says who created it
      leaving.abort(error);
      throw await this.#told(id, error);
    }
  }

  async run(id: string, handler: RunHandler<T>, signal: AbortSignal | undefined): Promise<T> {
    const { type } = this.#flows;
    if (signal?.aborted) throw aborted(type);
    let own: Promise<T> | undefined;
    const handle: RunHandler<T> = (context) => {
      own = (async () => handler(context))();
      return own;
    };
    // The signal stays here: these handlers do not heed one, and a flow that was given up would have another run beside them.
    const work = this.#flows.run(id, handle, { metadata: {} }).catch((error: unknown) => {
      const code = codeOf(error);
      if (code === 'ERR_FLOW_SUPERSEDED') return followed(this.#flows, id, Promise.reject(error as Error));
      // Nobody else has an answer, and the handler's may not be had twice.
      if (code === 'ERR_FLOW_DELETED' && own) return own;
      throw error;
    });
    try {
      return await unlessAborted(type, signal, work);
    } catch (error) {
      // What a caller's own handler threw is left for others to see.
      throw own ? rejectionOf(type, error) : await this.#told(id, error);
    }
  }

  /** The creator left: nobody else would settle the flow. */
  async #takeDown(id: string, joining: Promise<Joined<T>>): Promise<void> {
    try {
      const { created, fence } = await joining;
      if (created) await this.#flows.delete(id, { fence, statuses: ['PENDING'] });
    } catch {
      // It was never created, or Redis cannot be asked: then its deadline ends it.
    }
  }

  /** What a caller is told of an ending; a failure of a type that is not retained is gone with that. */
  async #told(id: string, error: unknown): Promise<unknown> {
    if (isFailure(error) && !this.#retained) await this.#markSeen(id, error.cause);
    return rejectionOf(this.#flows.type, error);
  }

  async #markSeen(id: string, cause: unknown): Promise<void> {
    try {
      const record = standing<T>(await this.#flows.get(id), this.#retained);
      if (!record?.error) return;
      const { fence, error } = record;
      if (cause instanceof Error && cause.message !== error.message) return; // another failure, for others to see
      await this.#flows.fail(id, { ...error, data: SEEN }, { fence, replace: true, retentionMs: LATE_MS });
    } catch {
      // Redis cannot be asked: the failure stays until it is seen again, or its time is over.
    }
  }
}
