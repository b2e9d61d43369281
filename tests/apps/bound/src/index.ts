// Variables, a KV namespace, another Worker, cron triggers and static files, all from the wrangler file.
import { AutoRouter, error, text } from 'itty-router';

interface Env { GREETING: string; COUNTS: KVNamespace; GREETER: Fetcher; ASSETS: Fetcher }

const router = AutoRouter<any, [Env, ExecutionContext]>();

router
  .get('/vars', (_, env) => text(env.GREETING))
  .post('/count/:key', async ({ params }, { COUNTS }) => {
    const count = Number(await COUNTS.get(params.key) ?? 0) + 1;
    await COUNTS.put(params.key, `${count}`, { metadata: { last: 'now' } });
    return { count };
  })
  .get('/count/:key', ({ params }, { COUNTS }) => COUNTS.getWithMetadata(params.key))
  .get('/later/:key', ({ params }, { COUNTS }, ctx) => {
    ctx.waitUntil(COUNTS.put(params.key, 'done'));
    return text('soon');
  })
  .get('/greet/:name/:how', async ({ params, url }, { GREETER }) => {
    const answer = await GREETER.fetch(new URL('/', url), { method: 'POST', body: JSON.stringify({ name: params.name }) });
    switch (params.how) {
      case 'passed': return answer;
      case 'made': return new Response(answer.body, answer);
      case 'read': return text((await answer.text()).slice(0, 20));
      default: return error(400);
    }
  })
  .get('/file', ({ url }, { ASSETS }) => ASSETS.fetch(new URL('/robots.txt', url)))
  .get('/runs', async (_, { COUNTS }) => ({ runs: Number(await COUNTS.get('runs') ?? 0) }));

export default {
  fetch: router.fetch,
  async scheduled(controller: ScheduledController, { COUNTS }: Env): Promise<void> {
    await COUNTS.put('runs', `${Number(await COUNTS.get('runs') ?? 0) + 1}`);
    await COUNTS.put('cron', controller.cron);
  },
};
