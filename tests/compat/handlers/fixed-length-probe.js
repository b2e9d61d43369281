// FixedLengthStream: what it refuses.
import { probe } from './lib/probe.js';
const run = async (said, ...sent) => {
  const { readable, writable } = new FixedLengthStream(said);
  const w = writable.getWriter();
  const write = (async () => { try { for (const bytes of sent) await w.write(new Uint8Array(bytes)); await w.close(); return 'ok'; } catch (e) { return e.name; } })();
  let read;
  try { read = (await new Response(readable).bytes()).length; } catch (e) { read = e.name; }
  return [read, await write];
};
export default {
  fetch: () => probe({
    exact: () => run(3, 1, 2),
    exactOne: () => run(3, 3),
    none: () => run(0),
    long: () => run(3, 4),
    longLater: () => run(3, 2, 2),
    short: () => run(3, 2),
    bigint: () => run(3n, 3),
    noLength: () => new FixedLengthStream(),
    negative: () => new FixedLengthStream(-1),
    huge: () => new FixedLengthStream(2 ** 60),
    string: () => run('3', 3),
    fraction: () => run(3.5, 3),
    kind: () => [new FixedLengthStream(1) instanceof IdentityTransformStream, new FixedLengthStream(1) instanceof TransformStream],
    responseHeader: () => new Response(new FixedLengthStream(5).readable).headers.get('content-length'),
  }),
};
