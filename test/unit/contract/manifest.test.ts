import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Ajv from 'ajv/dist/2020.js';
import { manifest, scripts, type Verb } from '../../../src/contract/index.js';

const lua = join(__dirname, '..', '..', '..', 'lua');
const json = (file: string): unknown => JSON.parse(readFileSync(join(lua, file), 'utf8'));
const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: true });
const matches = ajv.compile(json('manifest.schema.json') as object);

it('is as its schema says', () => {
  matches(json('manifest.json'));
  expect(matches.errors).toBeNull();
});

it.each([
  ['no verdicts', { verdicts: [] }],
  ['a sha1 that is none', { sha1: '0' }],
  ['an unknown property', { colour: 'red' }],
  ['an option without text', { options: [{ name: 'fence' }] }],
])('is refused by its schema with %s', (_what, change) => {
  const script = { ...manifest.scripts.read, ...change };
  expect(matches({ ...manifest, scripts: { ...manifest.scripts, read: script } })).toBe(false);
});

it('is exported as it is published', () => {
  expect(manifest).toEqual(json('manifest.json'));
});

it('names the published files and their hashes, which are those of the exported scripts', () => {
  expect(Object.keys(manifest.scripts)).toEqual(Object.keys(scripts));
  for (const [verb, { file, sha1 }] of Object.entries(manifest.scripts)) {
    const published = readFileSync(join(lua, file), 'utf8');
    expect(published).toBe(scripts[verb as Verb].lua);
    expect(createHash('sha1').update(published).digest('hex')).toBe(sha1);
    expect(scripts[verb as Verb].sha1).toBe(sha1);
  }
});
