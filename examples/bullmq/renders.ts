import type { Broker, Flows } from 'flowbroker';

/** What is asked for. */
export interface Render {
  readonly page: string;
}

/** What comes of it. */
export interface Image {
  readonly file: string;
  readonly worker: string;
  readonly attempt: number;
}

/** What a worker is given: the job is the work, the flow is what requests wait for. */
export interface RenderJob extends Render {
  readonly id: string;
  /** The flow's: a job that comes late cannot end a newer flow of the same id. */
  readonly fence: number;
}

export const QUEUE = 'renders';

export const { REDIS_URL = 'redis://localhost:6379', FLOW_PREFIX = 'flow' } = process.env;

export function renderFlows(broker: Broker): Flows<Image, Render> {
  return broker.define<Image, Render>('render', { timeoutMs: 120_000, retentionMs: 600_000 });
}
