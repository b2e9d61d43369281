// The same handlers in Node: an HTTP server of one process. Arguments: port (0: any), handler, and the wasm it runs.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [port, file, wasm] = process.argv.slice(2);
const handler = await import(pathToFileURL(file));
const module = wasm && new WebAssembly.Module(readFileSync(wasm));
const answer = module ? (request) => handler.answer(module, request) : handler.default.fetch;

const server = createServer(async (request, response) => {
  const body = await (await answer(new Request(`http://node${request.url}`))).text();
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), '127.0.0.1', () => console.log(`listening: ${server.address().port}`));
