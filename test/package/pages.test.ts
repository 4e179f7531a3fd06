import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { acquireRedis } from '../../scripts/redis/index.js';
import { emptyProject, type EmptyProject } from './project.js';

/** What the pages' fragments take for granted. */
const GIVEN = `
import { createBroker, redlockQuorum, sealedCodec, type Flows } from 'flowbroker';
import { FlowStateManager, type MessageLogger } from 'flowbroker/librechat';
interface Tokens { access_token: string; expires_at: number }
interface LoginMeta { verifier: string }
declare const broker: ReturnType<typeof createBroker>;
declare const logins: Flows<Tokens, LoginMeta>;
declare const refreshes: Flows<Tokens>;
declare const userId: string, state: string, refreshToken: string, verifier: string, code: string;
declare const newKey: Buffer, oldKey: Buffer;
declare const tokens: Tokens;
declare function redeem(refreshToken: string, signal: AbortSignal): Promise<Tokens>;
declare function exchange(code: string, verifier: string): Promise<Tokens>;
declare function redirect(url: string): void;
declare function authorizationUrl(state: string): string;
declare function notFound(): void;
declare const flows: FlowStateManager<Tokens>, keyvFlows: FlowStateManager<Tokens>;
declare const tokenFlowId: string;
declare const logger: MessageLogger;
declare function refreshTokens(userId: string): Promise<Tokens>;
declare function store(tokens: Tokens): Promise<void>;
declare function forget(userId: string): Promise<void>;
`;

/** What the page on idempotency takes for granted. */
const GIVEN_OF_IDEMPOTENCY = `
import express from 'express';
import { fastify } from 'fastify';
import { Hono } from 'hono';
import { createBroker, sealedCodec } from 'flowbroker';
import { idempotency, idempotencyFlowId, replyCodec } from 'flowbroker/idempotency';
import { contextOf, idempotency as forExpress } from 'flowbroker/idempotency/express';
import { idempotency as forFastify } from 'flowbroker/idempotency/fastify';
import { idempotency as forHono } from 'flowbroker/idempotency/hono';
declare const broker: ReturnType<typeof createBroker>;
declare const key: Buffer;
declare const tenantOf: (request: unknown) => string;
declare function charge(amount: number, id?: string): Promise<{ id: string }>;
`;
const FRAMEWORKS = ['express', '@types/express', 'fastify', 'hono', '@hono/node-server', '@types/node'];

const root = join(__dirname, '..', '..');
let project: EmptyProject;

beforeAll(() => {
  project = emptyProject(FRAMEWORKS);
}, 240_000);

afterAll(() => project.remove());

function snippets(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8');
  return [...text.matchAll(/^ *```ts\n([^]*?)^ *```$/gm)].map(([, code]) => code!);
}

const isProgram = (code: string): boolean => code.includes('import ') && code.includes('broker.close');

it('runs the first program of the README as it stands there, and as CommonJS', async () => {
  const [program, ...others] = snippets('README.md').filter(isProgram);
  expect(others).toEqual([]);
  const server = await acquireRedis();
  try {
    const here = program!
      .replace('redis://localhost:6379', server.url)
      .replaceAll("'2026-11'", `'${String(Date.now())}'`);
    const [imports, body] = [here.slice(0, here.indexOf('\n')), here.slice(here.indexOf('\n'))];
    writeFileSync(join(project.folder, 'first.mts'), here);
    writeFileSync(join(project.folder, 'first.cts'), `${imports}\nvoid (async () => {${body}})();\n`);
    project.compile('first.mts', 'first.cts');
    expect(project.node('first.mjs')).toBe('working\n{ rows: 42 } { rows: 42 }\n');
    expect(project.node('first.cjs')).toBe('{ rows: 42 } { rows: 42 }\n'); // handed back: it is kept
  } finally {
    await server.stop();
  }
}, 90_000);

it.each([
  ['README.md', GIVEN],
  ['docs/guide.md', GIVEN],
  ['docs/topologies.md', GIVEN],
  ['docs/migrating-from-librechat.md', GIVEN],
  ['docs/idempotency.md', GIVEN_OF_IDEMPOTENCY],
])(
  'compiles every fragment of %s',
  (page, given) => {
    const fragments = snippets(page).filter((code) => !isProgram(code));
    expect(fragments.length).toBeGreaterThan(1);
    const functions = fragments.map((code, at) => {
      const body = code.replace(/^import .*\n/gm, '');
      return `export async function fragment${String(at)}() {\n${body}\n}`;
    });
    writeFileSync(join(project.folder, 'fragments.mts'), `${given}\n${functions.join('\n')}\n`);
    project.compile('fragments.mts');
  },
  60_000,
);

const RECIPES = ['idempotency-express', 'idempotency-fastify', 'idempotency-hono'];

it('runs the recipes for requests that may be repeated from a clean install', async () => {
  for (const name of RECIPES)
    copyFileSync(join(root, 'examples', `${name}.ts`), join(project.folder, `${name}.mts`));
  project.compile(...RECIPES.map((name) => `${name}.mts`));
  const server = await acquireRedis();
  try {
    await Promise.all(RECIPES.map((name) => playRecipe(name, server.url)));
  } finally {
    await server.stop();
  }
}, 120_000);

/** Two replicas of it; one charge for two requests with one key. */
async function playRecipe(name: string, redis: string): Promise<void> {
  const replicas = await Promise.all(
    [1, 2].map(async () => {
      const child = spawn(process.execPath, [`${name}.mjs`], {
        cwd: project.folder,
        env: { ...process.env, REDIS_URL: redis, PORT: '0' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(child, 'exit');
      const lines = createInterface({ input: child.stdout });
      const printed: string[] = [];
      lines.on('line', (line) => printed.push(line));
      await Promise.race([once(lines, 'line'), exited]);
      return { child, exited, printed };
    }),
  );
  try {
    const headers = {
      'content-type': 'application/json',
      'idempotency-key': `"${randomUUID()}"`,
      connection: 'close',
    };
    const init = { method: 'POST', headers, body: '{"amount":1200}' };
    const ports = replicas.map(({ printed }) => /^listening on (\d+)$/.exec(printed[0] ?? '')?.[1]);
    const answers = await Promise.all(
      ports.map((port) => fetch(`http://localhost:${String(port)}/payments`, init)),
    );
    expect(answers.map(({ status }) => status)).toEqual([201, 201]);
    expect(await answers[0]!.text()).toBe(await answers[1]!.text());
    expect(replicas.flatMap(({ printed }) => printed.slice(1))).toEqual(['charging 1200']);
  } finally {
    for (const { child } of replicas) child.kill('SIGTERM');
  }
  for (const { exited } of replicas) expect(await exited).toEqual([0, null]);
}
