import { setTimeout as delay } from 'node:timers/promises';
import { answerOf } from '../../../../lib/answers';
import { reports } from '../../../../lib/flows';

let runs = 0;

/** However many ask, on however many instances: one makes the report, and for a minute it is handed out. */
export async function GET(
  request: Request,
  { params }: { readonly params: Promise<{ readonly name: string }> },
): Promise<Response> {
  const { name } = await params;
  const report = reports().run(
    name,
    async ({ signal }) => {
      await delay(200, undefined, { signal }); // stands for the work
      return { name, run: ++runs };
    },
    { signal: request.signal },
  );
  return answerOf(report);
}
