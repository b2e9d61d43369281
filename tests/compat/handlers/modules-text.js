// Text, data and JSON that were deployed as modules.
import { probe } from './lib/probe.js';
import text from './lib/words.txt';
import data from './lib/bytes.bin';
export default {
  fetch: () => probe({
    text: () => text,
    data: () => data,
    dataKind: () => data instanceof ArrayBuffer,
  }),
};
