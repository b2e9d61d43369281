// Renders Markdown with the `marked` library: POST text, get an HTML page.
import { marked } from 'marked';

const page = (body) => `<!doctype html>
<meta charset="utf-8">
<title>Rendered Markdown</title>
<main>
${body}</main>
`;

export default {
  async fetch(request) {
    if (request.method !== 'POST') {
      return new Response('POST Markdown: curl --data-binary @README.md ...\n', {
        status: 405,
        headers: { allow: 'POST' },
      });
    }
    const html = await marked.parse(await request.text(), { gfm: true });
    return new Response(page(html), {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        // The text is the caller's own, but a browser should still not run what it holds.
        'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:",
      },
    });
  },
};
