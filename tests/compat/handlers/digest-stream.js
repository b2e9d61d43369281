// crypto.DigestStream.
import { probe } from './lib/probe.js';
const digest = async (algorithm, ...chunks) => { const s = new crypto.DigestStream(algorithm); const w = s.getWriter(); for (const c of chunks) await w.write(c); await w.close(); return s.digest; };
const bytes = new TextEncoder().encode('hello');
export default {
  fetch: () => probe({
    sha256: () => digest('SHA-256', bytes),
    sha1: () => digest('SHA-1', bytes),
    md5: () => digest('MD5', bytes),
    sha384: () => digest('SHA-384', bytes),
    sha512: () => digest({ name: 'SHA-512' }, bytes),
    pieces: () => digest('SHA-256', bytes.slice(0, 2), bytes.slice(2)),
    strings: () => digest('SHA-256', 'hel', 'lo'),
    buffer: () => digest('SHA-256', bytes.buffer),
    number: () => digest('SHA-256', 1),
    unknown: () => new crypto.DigestStream('SHA-3'),
    none: () => new crypto.DigestStream(),
    pipe: async () => { const s = new crypto.DigestStream('SHA-256'); await new Response('hello').body.pipeTo(s); return s.digest; },
    abort: async () => { const s = new crypto.DigestStream('SHA-256'); s.digest.catch(() => {}); await s.abort(new RangeError('x')); return s.digest; },
    kind: () => { const s = new crypto.DigestStream('SHA-256'); return [s instanceof WritableStream, s.digest instanceof Promise, s.locked]; },
    written: async () => { const s = new crypto.DigestStream('SHA-256'); const w = s.getWriter(); await w.write(bytes); return s.bytesWritten; },
    empty: () => digest('SHA-256'),
    lower: () => digest('sha-256', bytes),
    large: () => digest('SHA-256', new Uint8Array(200000).fill(97), new Uint8Array(100001).fill(98)),
  }),
};
