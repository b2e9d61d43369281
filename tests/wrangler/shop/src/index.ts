import { AutoRouter, error } from 'itty-router';
import { Carts } from './carts';
import type { Env } from './env';
import terms from './terms.txt';

const RELEASE = 'release-1';

const router = AutoRouter<Request, [Env, ExecutionContext]>();

router
  .get('/api/hello', (_, env) => ({ release: RELEASE, greeting: env.GREETING, items: env.LIMITS.items }))
  .get('/api/terms', () => new Response(terms))
  .get('/api/carts/:id', async (request, env) => {
    const cart = await new Carts(env.CARTS).find(request.params.id);
    return cart ?? error(404, 'no such cart');
  })
  .put('/api/carts/:id', async (request, env) => {
    const items: string[] = await request.json();
    if (items.length > env.LIMITS.items) return error(422, `at most ${env.LIMITS.items} items`);
    await new Carts(env.CARTS).keep(request.params.id, items);
    return { kept: items.length };
  })
  .post('/api/orders/:item', async (request, env) => {
    const { meta } = await env.DB.prepare('INSERT INTO orders (item) VALUES (?)').bind(request.params.item).run();
    return { id: meta.last_row_id };
  })
  .get('/api/orders', async (_, env) => (await env.DB.prepare('SELECT item FROM orders ORDER BY id').all()).results)
  .get('/api/secret', (_, env) => ({ secret: typeof env.API_KEY, second: typeof env.SECOND_KEY }))
  .get('/api/log', (request) => {
    console.log('somebody looked at', new URL(request.url).searchParams.get('what'));
    return new Response('logged');
  })
  .get('/api/style', (request, env) => env.ASSETS.fetch(new URL('/style.css', request.url)));

export default {
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === '/api/fail') {
      console.warn('this will not end well');
      throw new TypeError('out of stock');
    }
    return router.fetch(request, env, ctx);
  },
  async scheduled(controller, env) {
    await env.CARTS.put('last-cron', controller.cron);
  },
} satisfies ExportedHandler<Env>;
