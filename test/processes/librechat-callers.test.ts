import { LibreChat, type Called } from './support/librechat.js';

const PROCESSES = 8;
const CALLERS = 25;
const ROUNDS = 5;

let chat: LibreChat;
beforeAll(async () => {
  chat = await LibreChat.start({ oauth: false });
});
afterAll(() => chat.stop());

it('runs one handler for 25 callers of createFlowWithHandler in each of 8 processes', async () => {
  const replicas = await chat.replicas(PROCESSES);
  for (let round = 1; round <= ROUNDS; round++) {
    const id = `round-${round}`;
    const asked = replicas.map((replica) => replica.call<Called[]>('workMany', CALLERS, id, 400));
    const outcomes = (await Promise.all(asked)).flat();
    expect(outcomes).toHaveLength(PROCESSES * CALLERS);
    expect(new Set(outcomes.map(({ value, message }) => value ?? message)).size).toBe(1);
    expect(outcomes[0]).toMatchObject({ value: expect.stringContaining(' at ') as string });
    expect(await chat.runs(id)).toBe(1);
  }
}, 90_000);
