// https://itty.dev/itty-router: AutoRouter with middleware, CORS and errors.
import { AutoRouter, cors, error, html, json, status, StatusError, text, withContent, type IRequest } from 'itty-router';

const { preflight, corsify } = cors({ origin: 'https://app.example', credentials: true, maxAge: 600 });

const withUser = (request: IRequest) => {
  request.user = request.headers.get('x-user') ?? undefined;
};

const router = AutoRouter({
  before: [withUser],
  missing: () => error(404, 'Nothing lives here.'),
});

router
  .get('/hello/:name', ({ params, query }) => text(`Hello, ${params.name}${query.mark ?? '!'}`))
  .get('/todos', () => [{ id: 1, text: 'Pet the puppy' }])
  .get('/me', ({ user }) => user ?? error(401, { error: 'Who are you?' }))
  .get('/greedy/:rest+', ({ params }) => json({ rest: params.rest }, { status: 203 }))
  .get('/page.:format?', ({ params }) => html(`<h1>${params.format ?? 'none'}</h1>`))
  .post('/todos', withContent, ({ content }) => (content?.text ? json(content, { status: 201 }) : error(400, 'text is needed')))
  .delete('/todos/:id', () => status(204))
  .get('/thrown', () => { throw new StatusError(418, { error: 'short and stout', hint: 'tea' }); })
  .get('/crash', () => { throw new Error('the handle broke'); })
  .get('/async', async () => {
    await new Promise((done) => setTimeout(done, 5));
    return { later: true };
  });

const shared = AutoRouter({ base: '/shared', before: [preflight], finally: [corsify] });
shared.get('/todos', () => [{ id: 2, text: 'Share the puppy' }]);
router.all('/shared/*', shared.fetch);

export default router;
