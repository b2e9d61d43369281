// PBKDF2 and HKDF.
import { probe } from './lib/probe.js';
const text = (t) => new TextEncoder().encode(t);
const secret = (name) => crypto.subtle.importKey('raw', text('secret'), name, false, ['deriveBits', 'deriveKey']);
const pbkdf2 = { name: 'PBKDF2', hash: 'SHA-256', salt: text('salt'), iterations: 1000 };
const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: text('salt'), info: text('info') };
export default {
  fetch: () => probe({
    pbkdf2: async () => crypto.subtle.deriveBits(pbkdf2, await secret('PBKDF2'), 256),
    pbkdf2Max: async () => (await crypto.subtle.deriveBits({ ...pbkdf2, iterations: 100000 }, await secret('PBKDF2'), 128)).byteLength,
    pbkdf2TooMany: async () => crypto.subtle.deriveBits({ ...pbkdf2, iterations: 100001 }, await secret('PBKDF2'), 128),
    pbkdf2None: async () => crypto.subtle.deriveBits({ ...pbkdf2, iterations: 0 }, await secret('PBKDF2'), 128),
    hkdf: async () => crypto.subtle.deriveBits(hkdf, await secret('HKDF'), 256),
    hkdfOdd: async () => crypto.subtle.deriveBits(hkdf, await secret('HKDF'), 7),
    hkdfLong: async () => crypto.subtle.deriveBits(hkdf, await secret('HKDF'), 8 * 255 * 32 + 8),
    toKey: async () => crypto.subtle.exportKey('raw', await crypto.subtle.deriveKey(hkdf, await secret('HKDF'), { name: 'AES-GCM', length: 256 }, true, ['encrypt'])),
    toHmac: async () => (await crypto.subtle.deriveKey(pbkdf2, await secret('PBKDF2'), { name: 'HMAC', hash: 'SHA-256' }, true, ['sign'])).algorithm,
    noUsage: () => crypto.subtle.importKey('raw', text('x'), 'PBKDF2', true, ['deriveBits']),
  }),
};
