// An ordinary Hono app. Nothing in it knows about Tabmesh: it is what one deploys to Cloudflare Workers.
import { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { etag } from 'hono/etag';
import { HTTPException } from 'hono/http-exception';
import { logger } from 'hono/logger';
import { streamText } from 'hono/streaming';

const app = new Hono();
const notes = new Map([['1', { id: '1', text: 'Buy milk' }]]);

app.use(logger());
app.use('/api/*', cors());
app.use('/api/notes/*', etag());

app.get('/', (c) => c.html('<h1>Notes</h1><p>Try <a href="/api/notes">/api/notes</a></p>'));

app.get('/api/notes', (c) => c.json([...notes.values()]));

app.get('/api/notes/:id', (c) => {
  const note = notes.get(c.req.param('id'));
  return note ? c.json(note) : c.json({ error: 'no such note' }, 404);
});

app.post('/api/notes', async (c) => {
  const { text } = await c.req.json().catch(() => ({}));
  if (typeof text !== 'string' || text === '') throw new HTTPException(400, { message: 'text is needed' });
  const note = { id: String(notes.size + 1), text };
  notes.set(note.id, note);
  return c.json(note, 201, { location: `/api/notes/${note.id}` });
});

app.delete('/api/notes/:id', (c) => (notes.delete(c.req.param('id')) ? c.body(null, 204) : c.notFound()));

app.post('/api/form', async (c) => c.json(await c.req.parseBody()));

app.get('/visits', (c) => {
  const visits = Number(getCookie(c, 'visits') ?? 0) + 1;
  setCookie(c, 'visits', String(visits), { path: '/', httpOnly: true, sameSite: 'Lax' });
  setCookie(c, 'last', new Date(0).toISOString(), { path: '/' });
  deleteCookie(c, 'stale');
  return c.text(`visit ${visits}\n`);
});

app.get('/stream', (c) => streamText(c, async (stream) => {
  for (let i = 1; i <= 3; i++) {
    await stream.writeln(`line ${i}`);
    await stream.sleep(20);
  }
}));

app.get('/old', (c) => c.redirect('/', 301));
app.get('/broken', () => { throw new Error('this route is broken'); });

app.notFound((c) => c.json({ error: 'not found', path: c.req.path }, 404));
app.onError((error, c) => {
  if (error instanceof HTTPException) return c.json({ error: error.message }, error.status);
  console.error(error);
  return c.json({ error: 'internal error' }, 500);
});

export default app;
