// Several modules: the entry, two of its own, and data.
import { route } from './lib/router.js';
import quotes from './lib/quotes.json';

export default {
  fetch: route({
    '/': () => new Response('Try /quote or /quote/1\n'),
    '/quote': () => Response.json(quotes[Math.floor(Math.random() * quotes.length)]),
    '/quote/:id': ({ id }) => {
      const quote = quotes[Number(id)];
      return quote ? Response.json(quote) : new Response('No such quote\n', { status: 404 });
    },
  }),
};
