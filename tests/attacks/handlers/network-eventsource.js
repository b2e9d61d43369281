// Listens to a server with EventSource.
import { opened, probes } from './lib/attack.js';

export default probes(({ trap, gateway }) => ({
  trap: () => opened(EventSource, trap),
  gateway: () => opened(EventSource, `${gateway}/_mesh/metrics`),
}));
