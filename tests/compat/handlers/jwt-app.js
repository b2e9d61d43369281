// A JWT signed and verified with what is there.
//> GET /
const b64 = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
export default {
  async fetch() {
    const encoder = new TextEncoder();
    const key = await crypto.subtle.importKey('jwk', { kty: 'oct', k: b64(encoder.encode('secret')), alg: 'HS256' },
      { name: 'HMAC', hash: 'SHA-256' }, true, ['sign', 'verify']);
    const body = `${b64(encoder.encode('{"alg":"HS256"}'))}.${b64(encoder.encode('{"sub":"x"}'))}`;
    return new Response(`${body}.${b64(await crypto.subtle.sign('HMAC', key, encoder.encode(body)))}`);
  },
};
