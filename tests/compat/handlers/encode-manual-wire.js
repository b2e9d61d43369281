// encodeBody: 'manual' with a Content-Encoding.
//> GET / | accept-encoding: gzip
import { HELLO } from './lib/gzip.js';
export default {
  fetch: () => new Response(HELLO, { encodeBody: 'manual', headers: { 'content-encoding': 'gzip', 'content-type': 'text/plain' } }),
};
