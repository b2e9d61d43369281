// Intl.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    number: () => new Intl.NumberFormat('de-DE', { style: 'currency', currency: 'EUR' }).format(1234.5),
    compact: () => new Intl.NumberFormat('en', { notation: 'compact' }).format(12345),
    plural: () => new Intl.PluralRules('ar').select(3),
    relative: () => new Intl.RelativeTimeFormat('fr').format(-1, 'day'),
    list: () => new Intl.ListFormat('es').format(['a', 'b', 'c']),
    collator: () => ['ä', 'a', 'z'].sort(new Intl.Collator('sv').compare),
    segment: () => [...new Intl.Segmenter('en', { granularity: 'word' }).segment('a b')].map((s) => s.segment),
    dateZone: () => new Intl.DateTimeFormat('ja-JP', { dateStyle: 'long', timeStyle: 'short', timeZone: 'Asia/Tokyo' }).format(0),
    names: () => new Intl.DisplayNames('it', { type: 'region' }).of('US'),
    locale: () => new Intl.Locale('zh-Hant-TW').maximize().toString(),
    defaultLocale: () => Intl.NumberFormat().resolvedOptions().locale,
    upper: () => 'i'.toLocaleUpperCase('tr'),
    normalize: () => 'e\u0301'.normalize('NFC').length,
    supported: () => Intl.DateTimeFormat.supportedLocalesOf(['xx', 'de']),
  }),
};
