// HMAC-signed URLs.
//> GET /sign/file.txt
//> GET /verify/file.txt?mac=nonsense
const encoder = new TextEncoder();
export default {
  async fetch(request) {
    const url = new URL(request.url);
    const key = await crypto.subtle.importKey('raw', encoder.encode('secret'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
    const [, action, file] = url.pathname.split('/');
    if (action === 'sign') {
      const mac = await crypto.subtle.sign('HMAC', key, encoder.encode(file));
      url.searchParams.set('mac', btoa(String.fromCharCode(...new Uint8Array(mac))));
      return new Response(url);
    }
    try {
      const mac = Uint8Array.from(atob(url.searchParams.get('mac')), (c) => c.charCodeAt(0));
      return new Response(`${await crypto.subtle.verify('HMAC', key, mac, encoder.encode(file))}`);
    } catch (error) {
      return new Response(error.name, { status: 400 });
    }
  },
};
