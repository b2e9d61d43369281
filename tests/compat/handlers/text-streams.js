// TextEncoderStream and TextDecoderStream.
import { probe } from './lib/probe.js';
const text = async (stream) => { let out = ''; for await (const chunk of stream) out += chunk; return out; };
const from = (...chunks) => ReadableStream.from(chunks);
export default {
  fetch: () => probe({
    encode: async () => [...await new Response(from('a', 'é').pipeThrough(new TextEncoderStream())).bytes()],
    surrogates: async () => [...await new Response(from('\ud83d', '\ude00').pipeThrough(new TextEncoderStream())).bytes()],
    decode: () => text(from(new Uint8Array([0xc3]), new Uint8Array([0xa9])).pipeThrough(new TextDecoderStream())),
    fatal: () => text(from(new Uint8Array([0xff])).pipeThrough(new TextDecoderStream('utf-8', { fatal: true }))),
    label: () => new TextDecoderStream('latin1').encoding,
    encoding: () => new TextEncoderStream().encoding,
    props: () => { const d = new TextDecoderStream(); return [d.fatal, d.ignoreBOM]; },
    chunkCount: async () => { const out = []; for await (const c of from('a', 'b').pipeThrough(new TextEncoderStream())) out.push(c.constructor.name, c.length); return out; },
  }),
};
