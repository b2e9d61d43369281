// How the frame learns at once that this Worker died: it holds a lock as long as it lives.
//
// A Worker that reaches the engine's heap ceiling ends without an event. The lock's name is the Worker's, which the
// frame made up; its promise never settles and nobody has it, so nothing but the Worker's end gives the lock back.

/** Takes the lock and tells the frame, which sends the port only then. Must run before the lockdown. */
export function holdLifeline() {
  const { name, navigator } = globalThis;
  // Opaque origins have no locks.
  if (name === '') return;
  const tell = globalThis.postMessage.bind(globalThis);
  const held = () => {
    tell(true);
    return new Promise(() => {});
  };
  // Refused where the browser keeps storage from frames of other sites. Better an isolate without a lifeline than none.
  navigator.locks.request(name, held).catch(() => tell(false));
}
