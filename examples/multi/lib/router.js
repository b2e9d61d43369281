import { matcher } from './pattern.js';

/** A fetch function that answers by the first pattern that matches the path. */
export function route(table) {
  const routes = Object.entries(table).map(([pattern, handler]) => [matcher(pattern), handler]);
  return async (request) => {
    const { pathname } = new URL(request.url);
    for (const [match, handler] of routes) {
      const params = match(pathname);
      if (params) return handler(params, request);
    }
    return new Response('Not found\n', { status: 404 });
  };
}
