import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv/dist/2020.js';
import { Redis } from 'ioredis';
import { acquireRedis } from '../../scripts/redis/index.js';
import { type VectorFile } from '../../scripts/vectors/vector.js';
import { manifest } from '../../src/contract/index.js';
import { Subscriber } from './helpers/subscriber.js';
import { VARIANTS } from './helpers/variants.js';
import { Coverage, type StateTable } from './vectors-runner/coverage.js';
import { play, type Player } from './vectors-runner/play.js';

const FOLDER = join(__dirname, 'vectors');
const json = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
const vectorsOf = (file: string): VectorFile => json(join(FOLDER, file)) as VectorFile;

const matches = new Ajv({ strictTypes: false }).compile(
  json(join(__dirname, 'vectors.schema.json')) as object,
);

it.each(FILES)('is described by the schema: %s', (file) => {
  matches(json(join(FOLDER, file)));
  expect(matches.errors).toBeNull();
});

const HOW = VARIANTS.filter(({ name }) => name === 'EVALSHA' || name === 'FCALL');

describe.each(HOW)('the vectors, by $name', (variant) => {
  const prefix = `vector-${randomUUID()}`;
  const coverage = new Coverage();
  let player: Player;
  let stop: () => Promise<void>;
  let flows = 0;

  beforeAll(async () => {
    const server = await acquireRedis();
    const client = new Redis(server.url);
    const connection = client.duplicate();
    const subscriber = new Subscriber(connection, client, variant);
    const watch = coverage.watch(client);
    player = { client, subscriber, call: await loaded(client, variant), publish: variant.publish, watch };
    stop = async () => {
      for (const each of [client, connection]) each.disconnect();
      await server.stop();
    };
  });

  afterAll(() => stop());

  describe.each(FILES)('%s', (file) => {
    it.each(vectorsOf(file).vectors)('$name', async ({ steps }) => {
      await play(player, `${prefix}:{login:${++flows}}`, steps);
    });
  });

  describe('leave nothing out:', () => {
    it('every cell of the state tables on the contract page is entered', () => {
      const tables = stateTables();
      expect(tables).toHaveLength(2);
      for (const table of tables) expect(coverage.missingCells(table)).toEqual([]);
    });

    it('every verdict of the manifest is answered', () => {
      expect(coverage.missingVerdicts(manifest)).toEqual([]);
    });

    it('every script that can be sent again is sent again', () => {
      expect(coverage.missingReplays(manifest)).toEqual([]);
    });

    it('every argument and option of the manifest is refused when it is bad, and every other refusal shown', () => {
      expect(coverage.missingRefusals(manifest)).toEqual([]);
    });
  });
});

/** Every script of the manifest, whatever the other tests know of. */
async function loaded(client: Redis, variant: (typeof HOW)[number]): Promise<Player['call']> {
  await variant.load(client);
  const shas = new Map<string, string>();
  for (const [verb, { file }] of Object.entries(manifest.scripts)) {
    const lua = readFileSync(join(__dirname, '../../lua', file), 'utf8');
    shas.set(verb, (await client.script('LOAD', lua)) as string);
  }
  return (verb) =>
    variant.name === 'FCALL' ? ['FCALL', `flowbroker_${verb}`] : ['EVALSHA', shas.get(verb) ?? verb];
}

/** The state tables of the contract page. "any, past the deadline" is not a row but a state of every other. */
function stateTables(): StateTable[] {
  const page = readFileSync(join(__dirname, '../../docs/contract.md'), 'utf8');
  return [...page.matchAll(/^\| operation ↓ [^|]*\|(.*)\|\n\|[-|]*\n((?:\|.*\n)+)/gm)].map(
    ([, head, body]) => ({
      columns: head!.split('|').map((cell) => cell.trim()),
      rows: body!
        .split('\n')
        .filter(Boolean)
        .map((line) => line.split('|')[1]!.trim())
        .filter((row) => !row.startsWith('any')),
    }),
  );
}
