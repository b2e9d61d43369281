// crypto.subtle.digest.
import { probe } from './lib/probe.js';
const data = new TextEncoder().encode('hello');
export default {
  fetch: () => probe({
    sha1: () => crypto.subtle.digest('SHA-1', data),
    sha256: () => crypto.subtle.digest('SHA-256', data),
    sha384: () => crypto.subtle.digest('SHA-384', data),
    sha512: () => crypto.subtle.digest({ name: 'SHA-512' }, data),
    md5: () => crypto.subtle.digest('MD5', data),
    lower: () => crypto.subtle.digest('sha-256', data.buffer),
    unknown: () => crypto.subtle.digest('SHA-3', data),
    string: () => crypto.subtle.digest('SHA-256', 'hello'),
    empty: () => crypto.subtle.digest('SHA-256', new Uint8Array()),
    noData: () => crypto.subtle.digest('SHA-256'),
  }),
};
