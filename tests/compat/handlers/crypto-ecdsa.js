// ECDSA.
import { probe } from './lib/probe.js';
const jwk = { kty: 'EC', crv: 'P-256', x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU', y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0', d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI' };
const { d, ...publicJwk } = jwk;
const alg = { name: 'ECDSA', namedCurve: 'P-256' };
const sign = { name: 'ECDSA', hash: 'SHA-256' };
const data = new TextEncoder().encode('data');
const pair = async () => [await crypto.subtle.importKey('jwk', jwk, alg, true, ['sign']), await crypto.subtle.importKey('jwk', publicJwk, alg, true, ['verify'])];
export default {
  fetch: () => probe({
    roundTrip: async () => { const [a, b] = await pair(); const s = await crypto.subtle.sign(sign, a, data); return [s.byteLength, await crypto.subtle.verify(sign, b, s, data)]; },
    wrongData: async () => { const [a, b] = await pair(); const s = await crypto.subtle.sign(sign, a, data); return crypto.subtle.verify(sign, b, s, new Uint8Array(1)); },
    generated: async () => { const k = await crypto.subtle.generateKey(alg, true, ['sign', 'verify']); return [k.privateKey.algorithm, k.privateKey.usages, k.publicKey.usages, k.publicKey.extractable]; },
    p384: async () => { const a = { name: 'ECDSA', namedCurve: 'P-384' }; const k = await crypto.subtle.generateKey(a, true, ['sign', 'verify']); const s = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-384' }, k.privateKey, data); return s.byteLength; },
    p521: async () => (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-521' }, true, ['sign', 'verify'])).publicKey.algorithm,
    badCurve: () => crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-111' }, true, ['sign']),
    exportRaw: async () => crypto.subtle.exportKey('raw', (await pair())[1]),
    exportSpki: async () => crypto.subtle.exportKey('spki', (await pair())[1]),
    exportPkcs8: async () => (await crypto.subtle.exportKey('pkcs8', (await pair())[0])).byteLength,
    exportJwk: async () => crypto.subtle.exportKey('jwk', (await pair())[1]),
    importRaw: async () => (await crypto.subtle.importKey('raw', await crypto.subtle.exportKey('raw', (await pair())[1]), alg, true, ['verify'])).type,
    wrongUsage: () => crypto.subtle.importKey('jwk', jwk, alg, true, ['verify']),
    ecdh: async () => {
      const a = { name: 'ECDH', namedCurve: 'P-256' };
      const [x, y] = [await crypto.subtle.generateKey(a, false, ['deriveBits']), await crypto.subtle.generateKey(a, false, ['deriveBits'])];
      const one = await crypto.subtle.deriveBits({ name: 'ECDH', public: y.publicKey }, x.privateKey, 256);
      const two = await crypto.subtle.deriveBits({ name: 'ECDH', public: x.publicKey }, y.privateKey, 256);
      return crypto.subtle.timingSafeEqual(one, two);
    },
  }),
};
