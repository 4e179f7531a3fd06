import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { acquireRedis } from '../../scripts/redis/index.js';
import { emptyProject, type EmptyProject } from './project.js';

/** What the pages' fragments take for granted. */
const GIVEN = `
import { createBroker, sealedCodec, type Flows } from 'flowbroker';
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

const root = join(__dirname, '..', '..');
let project: EmptyProject;

beforeAll(() => {
  project = emptyProject();
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

it.each(['README.md', 'docs/guide.md', 'docs/migrating-from-librechat.md'])(
  'compiles every fragment of %s',
  (page) => {
    const fragments = snippets(page).filter((code) => !isProgram(code));
    expect(fragments.length).toBeGreaterThan(1);
    const functions = fragments.map((code, at) => {
      const body = code.replace(/^import .*\n/gm, '');
      return `export async function fragment${String(at)}() {\n${body}\n}`;
    });
    writeFileSync(join(project.folder, 'fragments.mts'), `${GIVEN}\n${functions.join('\n')}\n`);
    project.compile('fragments.mts');
  },
  60_000,
);
