// Ed25519 and X25519.
import { probe } from './lib/probe.js';
const jwk = { kty: 'OKP', crv: 'Ed25519', d: 'nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' };
const { d, ...publicJwk } = jwk;
const data = new TextEncoder().encode('Example of Ed25519 signing');
export default {
  fetch: () => probe({
    sign: async () => crypto.subtle.sign('Ed25519', await crypto.subtle.importKey('jwk', jwk, 'Ed25519', true, ['sign']), data),
    verify: async () => {
      const s = await crypto.subtle.sign('Ed25519', await crypto.subtle.importKey('jwk', jwk, 'Ed25519', true, ['sign']), data);
      return crypto.subtle.verify('Ed25519', await crypto.subtle.importKey('jwk', publicJwk, { name: 'Ed25519' }, true, ['verify']), s, data);
    },
    generate: async () => { const k = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify']); return [k.privateKey.algorithm, k.publicKey.type]; },
    raw: async () => crypto.subtle.exportKey('raw', await crypto.subtle.importKey('jwk', publicJwk, 'Ed25519', true, ['verify'])),
    x25519: async () => {
      const [a, b] = [await crypto.subtle.generateKey('X25519', true, ['deriveBits']), await crypto.subtle.generateKey('X25519', true, ['deriveBits'])];
      return (await crypto.subtle.deriveBits({ name: 'X25519', public: b.publicKey }, a.privateKey, 256)).byteLength;
    },
    nodeName: async () => (await crypto.subtle.generateKey({ name: 'NODE-ED25519', namedCurve: 'NODE-ED25519' }, true, ['sign', 'verify'])).publicKey.algorithm,
  }),
};
