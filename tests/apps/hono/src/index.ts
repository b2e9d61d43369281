// Hono's own middleware, each as https://hono.dev/docs/middleware shows it.
import { zValidator } from '@hono/zod-validator';
import { Hono } from 'hono';
import { basicAuth } from 'hono/basic-auth';
import { bearerAuth } from 'hono/bearer-auth';
import { bodyLimit } from 'hono/body-limit';
import { cache } from 'hono/cache';
import { getConnInfo, upgradeWebSocket } from 'hono/cloudflare-workers';
import { every, except } from 'hono/combine';
import { compress } from 'hono/compress';
import { contextStorage, getContext } from 'hono/context-storage';
import { getSignedCookie, setSignedCookie } from 'hono/cookie';
import { cors } from 'hono/cors';
import { csrf } from 'hono/csrf';
import { etag } from 'hono/etag';
import { HTTPException } from 'hono/http-exception';
import { ipRestriction } from 'hono/ip-restriction';
import { jwt, sign } from 'hono/jwt';
import { languageDetector } from 'hono/language';
import { logger } from 'hono/logger';
import { methodOverride } from 'hono/method-override';
import { poweredBy } from 'hono/powered-by';
import { prettyJSON } from 'hono/pretty-json';
import { requestId } from 'hono/request-id';
import { NONCE, secureHeaders } from 'hono/secure-headers';
import { stream, streamSSE, streamText } from 'hono/streaming';
import { timeout } from 'hono/timeout';
import { endTime, setMetric, startTime, timing } from 'hono/timing';
import { trimTrailingSlash } from 'hono/trailing-slash';
import { z } from 'zod';

type Bindings = { USERNAME: string; PASSWORD: string; JWT_SECRET: string };
type Variables = { user: string };

const app = new Hono<{ Bindings: Bindings; Variables: Variables }>({ strict: true });
const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

app.use(logger());
app.use('/cors/*', cors({ origin: ['https://a.example', 'https://b.example'], allowMethods: ['GET', 'PUT'], exposeHeaders: ['x-total'], maxAge: 600, credentials: true }));
app.on(['GET', 'PUT'], '/cors/data', (c) => c.text('shared'));

app.get('/etag/*', etag());
app.get('/etag/text', (c) => c.text('tagged'));
app.get('/etag/stream', (c) => streamText(c, async (s) => { await s.write('one '); await s.write('two'); }));

app.use('/basic/*', async (c, next) => basicAuth({ username: c.env.USERNAME, password: c.env.PASSWORD })(c, next));
app.get('/basic/page', (c) => c.text('You are authorized'));
app.use('/bearer/*', bearerAuth({ token: 'honoiscool' }));
app.get('/bearer/page', (c) => c.text('You have a token'));

app.get('/token', async (c) => c.text(await sign({ sub: 'ada', role: 'admin' }, c.env.JWT_SECRET, 'HS256')));
app.use('/jwt/*', (c, next) => jwt({ secret: c.env.JWT_SECRET, alg: 'HS256' })(c, next));
app.get('/jwt/page', (c) => c.json(c.get('jwtPayload' as never)));

app.use('/secure/*', secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"], frameAncestors: ["'none'"] }, permissionsPolicy: { camera: [] } }));
app.get('/secure/page', (c) => c.html('<p>safe'));

app.use('/compress/*', compress());
app.get('/compress/large', (c) => c.text('squeeze me '.repeat(400)));

let rendered = 0;
app.get('/cache/*', cache({ cacheName: 'my-app', cacheControl: 'max-age=3600' }));
app.get('/cache/count', (c) => c.text(`made ${++rendered} times`));

app.get('/timing', timing({ total: false }), async (c) => {
  setMetric(c, 'region', 'europe-west3');
  setMetric(c, 'custom', 23.8, 'My custom Metric');
  startTime(c, 'db');
  endTime(c, 'db');
  return c.text('timed');
});

app.post('/limit', bodyLimit({ maxSize: 1024, onError: (c) => c.text('overflow :(', 413) }), async (c) => c.text(`${(await c.req.text()).length}`));
app.post('/csrf', csrf({ origin: 'https://a.example' }), (c) => c.text('same site'));
app.get('/pretty', prettyJSON(), (c) => c.json({ message: 'Hono!' }));
app.get('/id', requestId(), (c) => c.json({ id: c.get('requestId') }));
app.get('/slow', timeout(30), async (c) => { await sleep(200); return c.text('too late'); });
app.get('/powered', poweredBy(), (c) => c.text('by Hono'));
app.use('/slash/*', trimTrailingSlash());
app.get('/slash', (c) => c.text('without'));
app.get('/language', languageDetector({ supportedLanguages: ['en', 'ja'], fallbackLanguage: 'en' }), (c) => c.text(c.get('language')));
app.use('/private/*', except('/private/open', every(bearerAuth({ token: 'honoiscool' }))));
app.get('/private/open', (c) => c.text('open'));
app.get('/private/shut', (c) => c.text('shut'));
app.use('/local/*', ipRestriction(getConnInfo, { denyList: [], allowList: ['127.0.0.1', '::1'] }));
app.get('/local/page', (c) => c.text('from here'));
app.use('/override/*', methodOverride({ app }));
app.delete('/override/thing', (c) => c.text('deleted'));

app.use('/context', contextStorage(), async (c, next) => { c.set('user', 'grace'); await next(); });
const whoIsThere = async () => { await sleep(1); return getContext<{ Variables: Variables }>().var.user; };
app.get('/context', async (c) => c.text(await whoIsThere()));

app.get('/cookie', async (c) => {
  const before = await getSignedCookie(c, c.env.JWT_SECRET, 'visits');
  await setSignedCookie(c, 'visits', `${Number(before || 0) + 1}`, c.env.JWT_SECRET, { path: '/', secure: true, sameSite: 'Strict' });
  return c.json({ before: before ?? null });
});

const Post = z.object({ title: z.string().min(3), tags: z.array(z.string()).max(2).default([]) });
app.post('/posts', zValidator('json', Post), (c) => c.json(c.req.valid('json'), 201));
app.get('/search', zValidator('query', z.object({ page: z.coerce.number().int() })), (c) => c.json(c.req.valid('query')));
app.post('/upload', async (c) => {
  const { file, note } = await c.req.parseBody();
  return c.json({ note, name: (file as File).name, type: (file as File).type, text: await (file as File).text() });
});

app.get('/sse', (c) => streamSSE(c, async (s) => {
  for (let id = 0; id < 3; id++) {
    await s.writeSSE({ data: JSON.stringify({ id }), event: 'tick', id: `${id}` });
    await s.sleep(20);
  }
}));
app.get('/bytes', (c) => stream(c, async (s) => {
  s.onAbort(() => console.log('aborted'));
  await s.write(new Uint8Array([0x48, 0x65]));
  await s.pipe(new Blob(['llo']).stream());
}));
app.get('/ws', upgradeWebSocket(() => ({
  onMessage: (event, ws) => ws.send(`Hello from server: ${event.data}`),
  onClose: () => console.log('hono socket closed'),
})));

app.get('/teapot', () => { throw new HTTPException(418, { message: 'short and stout' }); });
app.get('/broken', () => { throw new Error('this route is broken'); });
app.route('/nested', new Hono().get('/:id{[0-9]+}', (c) => c.json({ id: c.req.param('id'), all: c.req.queries('q') ?? [] })));
app.onError((error, c) => (error instanceof HTTPException ? error.getResponse() : c.text(`Custom Error Message: ${error.message}`, 500)));
app.notFound((c) => c.text('Custom 404 Message', 404));

export default app;
