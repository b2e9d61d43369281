// Headers for caches.
//> GET /
//> GET / | cache-control: no-cache
export default {
  fetch(request) {
    const response = new Response('cached?', { headers: { 'cache-control': 'max-age=60, s-maxage=120', age: '5', expires: 'Thu, 01 Jan 1970 00:00:00 GMT' } });
    response.headers.set('x-asked', request.headers.get('cache-control') ?? 'nothing');
    return response;
  },
};
