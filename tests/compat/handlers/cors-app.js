// A small API with CORS, as people write it.
//> OPTIONS /api | origin: https://b.example | access-control-request-method: PUT
//> GET /api | origin: https://b.example
//> POST /api | content-type: application/json | ={"name":"x"}
//> POST /api | content-type: application/json | ={bad
//> GET /missing
const cors = { 'access-control-allow-origin': '*', 'access-control-allow-methods': 'GET, POST, PUT' };
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (request.method === 'OPTIONS') return new Response(null, { status: 204, headers: cors });
    if (pathname !== '/api') return new Response('Not Found', { status: 404 });
    if (request.method === 'GET') return Response.json({ items: [], origin: request.headers.get('origin') }, { headers: cors });
    try {
      const { name } = await request.json();
      return Response.json({ name }, { status: 201, headers: { ...cors, location: `/api/${name}` } });
    } catch (error) {
      return Response.json({ error: error.name }, { status: 400, headers: cors });
    }
  },
};
