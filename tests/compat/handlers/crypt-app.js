// Text encrypted and decrypted with a password.
//> POST / | =a secret
export default {
  async fetch(request) {
    const encoder = new TextEncoder();
    const base = await crypto.subtle.importKey('raw', encoder.encode('password'), 'PBKDF2', false, ['deriveKey']);
    const key = await crypto.subtle.deriveKey({ name: 'PBKDF2', salt: encoder.encode('salt'), iterations: 1000, hash: 'SHA-256' },
      base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
    const iv = new Uint8Array(12);
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, key, encoder.encode(await request.text()));
    const opened = new TextDecoder().decode(await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, key, sealed));
    return Response.json({ sealed: [...new Uint8Array(sealed)], opened });
  },
};
