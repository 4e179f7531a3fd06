import type { Codec } from '../../contract/codec.js';

/**
 * JSON as Keyv writes it: a Date comes back as a string, what JSON cannot say is left out. What was stored through Keyv until
 * now must not be refused for what Keyv never minded.
 */
export const plainJson: Codec = {
  encode: (value) => (value === undefined ? '' : JSON.stringify(value)),
  decode: (bytes) => (bytes.length === 0 ? undefined : (JSON.parse(bytes.toString('utf8')) as unknown)),
};
