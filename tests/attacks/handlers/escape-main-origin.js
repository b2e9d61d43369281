// Is called by path, on the worker page's own origin: serves a page that would take it over with a service worker.
import { born, reply } from './lib/attack.js';

const TAKE_OVER = `addEventListener('fetch', (event) => event.respondWith(new Response('taken over')))`;
const PAGE = `<script>
  navigator.serviceWorker.register('worker.js', { scope: '/' }).then(() => 'registered', (error) => 'refused: ' + error)
    .then((text) => { document.title = text; });
</script>`;

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === '/sane') return reply({ born });
    const isScript = pathname === '/worker.js';
    return new Response(isScript ? TAKE_OVER : PAGE, {
      headers: { 'content-type': isScript ? 'text/javascript' : 'text/html', 'service-worker-allowed': '/' },
    });
  },
};
