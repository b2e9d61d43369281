// AES in its modes.
import { probe } from './lib/probe.js';
const raw = new Uint8Array(32).map((_, i) => i);
const iv = new Uint8Array(16).fill(7);
const data = new TextEncoder().encode('some plain text');
const key = (name, usages = ['encrypt', 'decrypt']) => crypto.subtle.importKey('raw', raw, name, true, usages);
const both = async (algorithm) => { const k = await key(algorithm.name); const c = await crypto.subtle.encrypt(algorithm, k, data); return [c, new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, k, c))]; };
export default {
  fetch: () => probe({
    cbc: () => both({ name: 'AES-CBC', iv }),
    gcm: () => both({ name: 'AES-GCM', iv: iv.slice(0, 12) }),
    gcmData: () => both({ name: 'AES-GCM', iv: iv.slice(0, 12), additionalData: new Uint8Array([1]), tagLength: 96 }),
    ctr: () => both({ name: 'AES-CTR', counter: iv, length: 64 }),
    gcmTampered: async () => { const k = await key('AES-GCM'); const c = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, k, data)); c[0] ^= 1; return crypto.subtle.decrypt({ name: 'AES-GCM', iv }, k, c); },
    cbcBadIv: async () => crypto.subtle.encrypt({ name: 'AES-CBC', iv: new Uint8Array(3) }, await key('AES-CBC'), data),
    noIv: async () => crypto.subtle.encrypt({ name: 'AES-GCM' }, await key('AES-GCM'), data),
    wrongKey: async () => crypto.subtle.encrypt({ name: 'AES-CBC', iv }, await key('AES-GCM'), data),
    badLength: () => crypto.subtle.importKey('raw', new Uint8Array(5), 'AES-GCM', true, ['encrypt']),
    jwk: async () => crypto.subtle.exportKey('jwk', await key('AES-GCM')),
    generate: async () => { const k = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt', 'decrypt']); return [k.algorithm, k.usages]; },
    generateBad: () => crypto.subtle.generateKey({ name: 'AES-GCM', length: 100 }, true, ['encrypt']),
    wrapKw: async () => crypto.subtle.wrapKey('raw', await key('AES-GCM'), await crypto.subtle.importKey('raw', raw.slice(0, 16), 'AES-KW', false, ['wrapKey']), 'AES-KW'),
    unwrapKw: async () => {
      const kw = await crypto.subtle.importKey('raw', raw.slice(0, 16), 'AES-KW', false, ['wrapKey', 'unwrapKey']);
      const wrapped = await crypto.subtle.wrapKey('raw', await key('AES-GCM'), kw, 'AES-KW');
      return crypto.subtle.exportKey('raw', await crypto.subtle.unwrapKey('raw', wrapped, kw, 'AES-KW', 'AES-GCM', true, ['encrypt']));
    },
  }),
};
