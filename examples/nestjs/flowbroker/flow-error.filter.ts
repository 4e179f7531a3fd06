import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { FlowError } from 'flowbroker';

const STATUS: Partial<Record<FlowError['code'], number>> = {
  ERR_FLOW_WAIT_TIMEOUT: 202, // not yet: ask again
  ERR_FLOW_INVALID_ARGUMENT: 400,
  ERR_FLOW_NOT_FOUND: 404,
  ERR_FLOW_CANCELED: 409,
  ERR_FLOW_FAILED: 409,
  ERR_FLOW_TIMED_OUT: 410,
};

/** Answers how a flow ended where it did not end with a result; 503 for what another instance, or a later call, can answer. */
@Catch(FlowError)
export class FlowErrorFilter implements ExceptionFilter<FlowError> {
  catch({ code, cause }: FlowError, host: ArgumentsHost): void {
    const reason = cause instanceof Error ? { reason: cause.message } : {};
    host
      .switchToHttp()
      .getResponse<Response>()
      .status(STATUS[code] ?? 503)
      .json({ code, ...reason });
  }
}
