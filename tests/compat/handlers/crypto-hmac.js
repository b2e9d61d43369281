// HMAC: import, sign, verify, export, generate.
import { probe } from './lib/probe.js';
const raw = new TextEncoder().encode('key');
const data = new TextEncoder().encode('data');
const key = (usages = ['sign', 'verify'], hash = 'SHA-256') => crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash }, true, usages);
export default {
  fetch: () => probe({
    sign: async () => crypto.subtle.sign('HMAC', await key(), data),
    sha1: async () => crypto.subtle.sign('HMAC', await key(['sign'], 'SHA-1'), data),
    sha512: async () => crypto.subtle.sign({ name: 'HMAC' }, await key(['sign'], 'SHA-512'), data),
    verify: async () => crypto.subtle.verify('HMAC', await key(), await crypto.subtle.sign('HMAC', await key(), data), data),
    verifyWrong: async () => crypto.subtle.verify('HMAC', await key(), new Uint8Array(32), data),
    verifyShort: async () => crypto.subtle.verify('HMAC', await key(), new Uint8Array(3), data),
    wrongUsage: async () => crypto.subtle.sign('HMAC', await key(['verify']), data),
    badUsage: () => key(['encrypt']),
    noUsages: () => key([]),
    exportRaw: async () => crypto.subtle.exportKey('raw', await key()),
    exportJwk: async () => crypto.subtle.exportKey('jwk', await key()),
    importJwk: async () => crypto.subtle.sign('HMAC', await crypto.subtle.importKey('jwk', { kty: 'oct', k: 'a2V5' }, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']), data),
    keyProps: async () => { const k = await key(); return [k.type, k.extractable, k.algorithm, k.usages, Object.prototype.toString.call(k)]; },
    generate: async () => { const k = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, true, ['sign']); return [k.algorithm, (await crypto.subtle.exportKey('raw', k)).byteLength]; },
    notExtractable: async () => crypto.subtle.exportKey('raw', await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])),
    emptyKey: () => crypto.subtle.importKey('raw', new Uint8Array(), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign']),
  }),
};
