// The order in which promises, microtasks and timers run.
export default {
  async fetch() {
    const seen = [];
    const all = [
      new Promise((done) => setTimeout(() => { seen.push('timer'); done(); }, 5)),
      Promise.resolve().then(() => seen.push('a')).then(() => seen.push('b')),
      (async () => { seen.push('sync'); await null; seen.push('after await'); })(),
      new Promise((done) => queueMicrotask(() => { seen.push('micro'); done(); })),
    ];
    await Promise.all(all);
    return Response.json(seen);
  },
};
