// RSA in its three kinds.
import { probe } from './lib/probe.js';
const data = new TextEncoder().encode('data');
const make = (name, usages) => crypto.subtle.generateKey({ name, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }, true, usages);
export default {
  fetch: () => probe({
    pkcs1: async () => { const k = await make('RSASSA-PKCS1-v1_5', ['sign', 'verify']); const s = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', k.privateKey, data); return [s.byteLength, await crypto.subtle.verify('RSASSA-PKCS1-v1_5', k.publicKey, s, data)]; },
    pss: async () => { const k = await make('RSA-PSS', ['sign', 'verify']); const a = { name: 'RSA-PSS', saltLength: 32 }; return crypto.subtle.verify(a, k.publicKey, await crypto.subtle.sign(a, k.privateKey, data), data); },
    oaep: async () => { const k = await make('RSA-OAEP', ['encrypt', 'decrypt']); return crypto.subtle.decrypt('RSA-OAEP', k.privateKey, await crypto.subtle.encrypt('RSA-OAEP', k.publicKey, data)); },
    algorithm: async () => (await make('RSA-PSS', ['sign', 'verify'])).publicKey.algorithm,
    jwk: async () => Object.keys(await crypto.subtle.exportKey('jwk', (await make('RSA-PSS', ['sign', 'verify'])).publicKey)).sort(),
    spki: async () => { const k = await make('RSA-PSS', ['sign', 'verify']); const spki = await crypto.subtle.exportKey('spki', k.publicKey); return (await crypto.subtle.importKey('spki', spki, { name: 'RSA-PSS', hash: 'SHA-256' }, true, ['verify'])).algorithm; },
    badExponent: () => crypto.subtle.generateKey({ name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([2]), hash: 'SHA-256' }, true, ['sign']),
  }),
};
