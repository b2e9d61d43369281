// Pages made on the server by Hono's JSX, as https://hono.dev/docs/guides/jsx has them.
import { Hono } from 'hono';
import { css, Style } from 'hono/css';
import { html } from 'hono/html';
import { createContext, ErrorBoundary, useContext, type FC } from 'hono/jsx';
import { renderToReadableStream, Suspense } from 'hono/jsx/streaming';
import { jsxRenderer, useRequestContext } from 'hono/jsx-renderer';

const app = new Hono();
const Theme = createContext('light');

const Layout: FC<{ title: string }> = ({ title, children }) => (
  <html lang="en">
    <head>
      <title>{title}</title>
      <Style />
    </head>
    <body>{children}</body>
  </html>
);

const Themed: FC = () => <p class={useContext(Theme)}>themed</p>;

app.get('/page', (c) => {
  const big = css`font-size: 2rem;`;
  return c.html(
    <Layout title={'A & B'}>
      <h1 class={big}>{'<escaped>'}</h1>
      <Theme.Provider value="dark">
        <Themed />
      </Theme.Provider>
      <div dangerouslySetInnerHTML={{ __html: '<b>raw</b>' }} />
      {[1, 2, 3].map((n) => <li key={n}>{n}</li>)}
    </Layout>,
  );
});

app.get('/template', (c) => c.html(html`<!doctype html><h1>Hello ${'<you>'}!</h1>`));

const wait = (ms: number) => new Promise((done) => setTimeout(done, ms));

const Slow: FC = async () => {
  await wait(150);
  return <p>the slow part</p>;
};

app.get('/stream', (c) => {
  const stream = renderToReadableStream(
    <html>
      <body>
        <Suspense fallback={<p>loading...</p>}>
          <Slow />
        </Suspense>
      </body>
    </html>,
  );
  return c.body(stream, { headers: { 'Content-Type': 'text/html; charset=UTF-8', 'Transfer-Encoding': 'chunked' } });
});

const Broken: FC = async () => {
  await wait(10);
  throw new Error('it broke');
};

app.get('/boundary', (c) =>
  c.html(
    <ErrorBoundary fallback={<p>out of service</p>}>
      <Broken />
    </ErrorBoundary>,
  ));

app.use('/rendered/*', jsxRenderer(({ children }) => (
  <html>
    <body>{children}</body>
  </html>
)));
const Path: FC = () => <p>you are at {useRequestContext().req.path}</p>;
app.get('/rendered/here', (c) => c.render(<Path />));

export default app;
