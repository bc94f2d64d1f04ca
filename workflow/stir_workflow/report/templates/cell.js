// What is known of one score, in words and numbers.
const title = (cell) => `${cell.names[cell.target]} given ${cell.names[cell.reference]}`;
const marks = (flags, column) => {
  const words = flags ? flags.split('; ') : [];
  if (column === 'similarity') return words.includes('no_number') ? '*' : '';
  const ring = flags.includes('not_above_null') ? '°' : '';
  return (words.some((word) => word !== 'not_above_null') ? '*' : '') + ring;
};
const flagsInWords = (flags) => (flags ? flags.split('; ') : []).map((word) =>
  (Object.hasOwn(data.flag_meanings, word) ? `${word}: ${data.flag_meanings[word]}` : word));

const SHOWN = [
  ['STIR', (c) => number(c.stir)], ['95% interval', (c) => interval(c.stir_low, c.stir_high)],
  ['plain similarity', (c) => number(c.similarity)], ['excess', (c) => number(c.stir_excess)],
  ['ceiling', (c) => number(c.stir_ceiling)], ['noise', (c) => number(c.stir_noise)],
  ['untrained target', (c) => number(c.stir_untrained)], ['seed images', (c) => number(c.stir_seed_floor)],
  ['null, 95th percentile', (c) => number(c.stir_null_p95)], ['p (Holm)', (c) => pValue(c.stir_null_p_holm)],
  ['inversion error', (c) => number(c.inversion_error)], ['converged', (c) => percent(c.converged_fraction)],
  ['same class', (c) => percent(c.target_same_class_fraction)],
  ['images', (c) => count(c.n_images)], ['inversion seeds', (c) => count(c.n_inversion_seeds)], ['pairs of models', (c) => count(c.n_model_pairs)],
  ['interval over', (c) => c.interval_over ?? '–'],
];
const count = (value) => (isNumber(value) ? String(value) : '–');
const pValue = (value) => (!isNumber(value) ? '–' : value < 0.0001 ? '< 0.0001' : value.toFixed(4));

const facts = (cell) => element('dl', {class: 'facts'}, SHOWN.map(([name, text]) => [name, text(cell)])
  .filter(([, text]) => text !== '–')
  .map(([name, text]) => element('div', null, element('dt', null, name), element('dd', null, text))));

const inspect = (cell) => {
  const flags = flagsInWords(cell.flags);
  byId('inspector').replaceChildren(
    element('p', {class: 'inspected'}, element('b', null, title(cell)), ' ', element('span', {class: 'muted'}, data.readings[cell.reading])),
    facts(cell),
    flags.length ? element('p', {class: 'flags'}, `Flags: ${flags.join('; ')}`) : '');
};
