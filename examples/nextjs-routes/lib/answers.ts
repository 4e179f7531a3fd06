import { FlowError } from 'flowbroker';

const STATUS: Partial<Record<FlowError['code'], number>> = {
  ERR_FLOW_WAIT_TIMEOUT: 202, // not yet: ask again
  ERR_FLOW_NOT_FOUND: 404,
  ERR_FLOW_CANCELED: 409,
  ERR_FLOW_FAILED: 409,
  ERR_FLOW_TIMED_OUT: 410,
};

/** How a flow ended, as a response: its result, or the code that says which other way it was. */
export async function answerOf(outcome: Promise<unknown>): Promise<Response> {
  try {
    return Response.json(await outcome);
  } catch (error) {
    if (!(error instanceof FlowError)) throw error;
    const { code, cause } = error;
    const reason = cause instanceof Error ? { reason: cause.message } : {};
    return Response.json({ code, ...reason }, { status: STATUS[code] ?? 503 });
  }
}
