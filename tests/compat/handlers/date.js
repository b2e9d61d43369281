// Dates and their zone.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    zone: () => new Date(2024, 0, 1).toISOString(),
    offset: () => new Date(0).getTimezoneOffset(),
    string: () => new Date(0).toString(),
    locale: () => new Date(0).toLocaleString(),
    localeDe: () => new Date(0).toLocaleDateString('de-DE', { dateStyle: 'full', timeZone: 'UTC' }),
    utc: () => new Date(0).toUTCString(),
    parse: () => [Date.parse('2024-02-30'), Date.parse('2024-02-29T12:00:00+02:00'), Date.parse('nonsense')],
    now: () => typeof Date.now(),
    zoneName: () => Intl.DateTimeFormat().resolvedOptions().timeZone,
  }),
};
