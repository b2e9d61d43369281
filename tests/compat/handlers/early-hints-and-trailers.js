// Odd but legal answers.
//> GET /long-header
//> GET /many-headers
//> GET /binary
//> GET /large
export default {
  fetch(request) {
    switch (new URL(request.url).pathname) {
      case '/long-header': return new Response('x', { headers: { 'x-long': 'a'.repeat(4000) } });
      case '/many-headers': return new Response('x', { headers: Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`x-${i}`, `${i}`])) });
      case '/binary': return new Response(Uint8Array.from({ length: 256 }, (_, i) => i));
      default: return new Response(new Uint8Array(300000).fill(97));
    }
  },
};
