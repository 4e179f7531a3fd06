import { answerOf } from '../../../../lib/answers';
import { approvals } from '../../../../lib/flows';

interface Context {
  readonly params: Promise<{ readonly id: string }>;
}

/** Waits for the decision, wherever it is taken. When the browser goes away, so does this wait, and nothing else. */
export async function GET(request: Request, { params }: Context): Promise<Response> {
  const { id } = await params;
  return answerOf(approvals().wait(id, { signal: request.signal, timeoutMs: 25_000 }));
}

/** Decides, once: the second decision is told how the first went. */
export async function POST(request: Request, { params }: Context): Promise<Response> {
  const { id } = await params;
  const { by, refused } = (await request.json()) as { by?: string; refused?: string };
  if (typeof by !== 'string') return Response.json({ error: 'by must be a string' }, { status: 400 });
  const { verdict, record } =
    refused === undefined
      ? await approvals().complete(id, { by })
      : await approvals().fail(id, new Error(`${by}: ${refused}`));
  if (verdict === 'not_found') return Response.json({ verdict }, { status: 404 });
  return Response.json({ verdict, status: record.status }, { status: verdict === 'applied' ? 200 : 409 });
}
