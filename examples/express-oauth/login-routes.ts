import { Router, type NextFunction, type Request, type Response } from 'express';
import { FlowError } from 'flowbroker';
import type { Finished, Logins } from './logins.js';

/** Shorter than what proxies allow a request. */
const LONG_POLL_MS = 25_000;

const STATUS: Record<Finished, number> = {
  'logged in': 200,
  'already logged in': 200,
  refused: 403,
  unknown: 404,
  replaced: 409,
};

/** `POST /login` begins, `GET /login` waits for the outcome, `GET /callback` is where the provider sends the browser. */
export function loginRoutes(logins: Logins, callbackUrl: string): Router {
  const session = (response: Response): string => response.locals['session'] as string;

  return Router()
    .post('/login', async (_request, response) => {
      response.redirect(303, await logins.begin(session(response), callbackUrl));
    })
    .get('/login', async (_request, response) => {
      const gone = new AbortController();
      response.once('close', () => gone.abort(new Error('the browser is gone')));
      const { accessToken } = await logins.outcome(session(response), gone.signal, LONG_POLL_MS);
      // Tokens stay on the server: the browser learns that it is logged in.
      response.json({ loggedIn: accessToken !== '' });
    })
    .get('/callback', async (request, response) => {
      const finished = await logins.finish(session(response), new URL(request.originalUrl, callbackUrl));
      response.status(STATUS[finished]).json({ finished });
    })
    .use(answerFlowErrors);
}

/** How a wait that brought nothing is answered. Express knows error handlers by their four parameters. */
function answerFlowErrors(error: unknown, _request: Request, response: Response, next: NextFunction): void {
  if (response.headersSent || response.destroyed || !(error instanceof FlowError)) {
    next(error);
    return;
  }
  switch (error.code) {
    case 'ERR_FLOW_WAIT_TIMEOUT':
      response.status(202).json({ loggedIn: false }); // ask again
      return;
    case 'ERR_FLOW_FAILED':
      response.status(403).json({ error: (error.cause as Error).message });
      return;
    case 'ERR_FLOW_NOT_FOUND':
    case 'ERR_FLOW_TIMED_OUT':
      response.status(404).json({ error: 'no login is under way' });
      return;
    default:
      response.status(503).set('retry-after', '1').json({ error: 'ask again' });
  }
}
