/** What a failure says across processes and languages; never a stack. */
export interface ErrorInfo {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  /** Whatever the error carried as `data`. */
  readonly data?: unknown;
}

/** What of an error, a string, or anything else that was thrown or given as a reason travels. */
export function errorInfoOf(thrown: unknown): ErrorInfo {
  if (typeof thrown !== 'object' || thrown === null) return { name: 'Error', message: String(thrown) };
  const { name, message, code, data } = thrown as {
    name?: unknown;
    message?: unknown;
    code?: unknown;
    data?: unknown;
  };
  return {
    name: typeof name === 'string' && name !== '' ? name : 'Error',
    message: typeof message === 'string' ? message : '',
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    ...(data === undefined ? {} : { data }),
  };
}

/** The error as waiters get it for `cause`: name, message, code and data of the original, a stack of its own. */
export function rebuildError(info: ErrorInfo): Error {
  const error = new Error(info.message);
  Object.defineProperty(error, 'name', {
    value: info.name,
    configurable: true,
    writable: true,
    enumerable: false,
  });
  if (info.code !== undefined) Object.assign(error, { code: info.code });
  if (info.data !== undefined) Object.assign(error, { data: info.data });
  return error;
}

/** Reads what another process or language stored as an error; anything unreadable becomes an error that says so. */
export function errorInfoFrom(value: unknown): ErrorInfo {
  if (typeof value === 'object' && value !== null) return errorInfoOf(value);
  return { name: 'Error', message: typeof value === 'string' ? value : 'no reason was given' };
}
