// What the attacks share. It must stay out of their way: it takes what it needs before they tamper, and judges nothing
// beyond "this call came through".

/** Drawn when this isolate loaded the code: tells one isolate from the next. */
export const born = crypto.randomUUID();

/** How long an attempt may hang before it counts as refused: nothing came back. In milliseconds. */
const PATIENCE = 300;

const { Response: Reply, URL: Address, setTimeout: later, Promise: Later, Error: Failure } = globalThis;
const json = Reply.json.bind(Reply);

/** An answer that tampering with the globals does not change. */
export const reply = (value) => json(value);

export const pause = (milliseconds) => new Later((done) => { later(done, milliseconds); });

/** Keeps the thread busy. */
export const spin = (milliseconds) => {
  for (const end = performance.now() + milliseconds; performance.now() < end;);
};

/** For attempts that only tell by what they leave: throws unless there is something. */
export const expectLoot = (loot) => {
  if (loot.length === 0) throw new Failure('nothing was caught');
  return loot;
};

function show(value) {
  try {
    return `${typeof value} ${String(value)}`.slice(0, 120);
  } catch {
    return 'something that cannot be shown';
  }
}

/** What became of one try: `refused: ...` if it threw or never came back, else `REACHED: ...`. */
export async function attempt(work) {
  const nothing = new Later((done) => { later(done, PATIENCE, 'refused: nothing came back'); });
  const tried = (async () => {
    try {
      return `REACHED: ${show(await work())}`;
    } catch (error) {
      return `refused: ${show(error)}`;
    }
  })();
  return Later.race([tried, nothing]);
}

/** A handler with a path that does no harm, for those who look whether it is well. */
export const attack = (run) => ({
  async fetch(request, env, ctx) {
    if (new Address(request.url).pathname === '/sane') return reply({ born });
    return run(request, env, ctx);
  },
});

/** A handler that makes many attempts at once and reports each. `make(target)` gives them by name. */
export const probes = (make) => attack(async (request, env, ctx) => {
  const attempts = make(await request.json(), { request, env, ctx });
  const results = {};
  const running = [];
  for (const name of Object.keys(attempts)) running[running.length] = attempt(attempts[name]);
  let at = 0;
  for (const name of Object.keys(attempts)) results[name] = await running[at++];
  return reply(results);
});

/** Resolves when a socket-like object of this class opens or hears something. */
export const opened = (Kind, ...parameters) => new Later((done, failed) => {
  const socket = new Kind(...parameters);
  socket.onopen = () => done('open');
  socket.onmessage = () => done('message');
  socket.onerror = () => failed(new Failure('it failed'));
});

export const wasm = (text) => Uint8Array.from(text.trim().split(/\s+/), (byte) => Number.parseInt(byte, 16));
