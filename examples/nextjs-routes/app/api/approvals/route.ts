import { randomUUID } from 'node:crypto';
import { approvals, type Order } from '../../../lib/flows';

/** Asks for an approval. Durable when this answers; whoever has the id may wait for it or decide it. */
export async function POST(request: Request): Promise<Response> {
  const { amount } = (await request.json()) as Partial<Order>;
  if (typeof amount !== 'number') return Response.json({ error: 'amount must be a number' }, { status: 400 });
  const id = randomUUID();
  await approvals().create(id, { metadata: { amount } });
  return Response.json({ id }, { status: 201, headers: { location: `/api/approvals/${id}` } });
}
