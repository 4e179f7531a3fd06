import { FlowError, type FlowErrorCode } from '../../src/index.js';

/** The FlowError that a promise rejects with; fails if it resolves, or rejects with anything else. */
export async function failureOf(promise: Promise<unknown>, code: FlowErrorCode): Promise<FlowError> {
  const error = await promise.then(
    (value) => {
      throw new Error(`resolved with ${JSON.stringify(value)} instead of rejecting with ${code}`);
    },
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FlowError)) throw error;
  expect({ code: error.code, message: error.message }).toEqual({ code, message: error.message });
  return error;
}
