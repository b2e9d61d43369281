// Plays the frame: sends its own Worker scope the message with which an isolate is started, to get a runtime's end.
import { expectLoot, pause, probes } from './lib/attack.js';

export default probes(({ isolateScript }) => {
  const boot = async (target) => {
    const { port1, port2 } = new MessageChannel();
    const heard = [];
    port1.onmessage = ({ data }) => { heard[heard.length] = JSON.stringify(data); };
    target.dispatchEvent(new MessageEvent('message', { data: null, ports: [port2] }));
    await pause(30);
    return expectLoot(heard);
  };
  return {
    dispatch: () => boot(globalThis),
    afterImport: async () => {
      await import(`${isolateScript}?again`);
      return boot(globalThis);
    },
    viaEventTarget: () => EventTarget.prototype.dispatchEvent.call(globalThis, new MessageEvent('message', {
      data: [[4, 1, 200, [], false]],
    })) && boot(globalThis),
  };
});
