const pair = {reference: null, target: null};
const cellFor = (reference, target, layer = state.layer, measure = state.measure) =>
  cellOf(blockOf('models', state.dataset, layer, measure), reference, target);
const directions = () => {
  const both = [[pair.reference, pair.target], [pair.target, pair.reference]];
  return pair.reference === pair.target ? both.slice(0, 1) : both;
};
const FLOORS = {'STIR': 'stir', 'plain similarity': 'similarity', 'ceiling': 'stir_ceiling', 'noise': 'stir_noise',
  'untrained': 'stir_untrained', 'seed images': 'stir_seed_floor', 'null, 95th percentile': 'stir_null_p95'};

const bullet = (row, cell) => ({row, low: cell.stir_low, high: cell.stir_high, floor: cell.stir_null_p95 ?? 0,
  ...Object.fromEntries(Object.entries(FLOORS).map(([kind, column]) => [kind, cell[column]]))});
const COLUMNS = [['STIR', true], ['95% interval', true], ['plain', true], ['excess', true], ['ceiling', true], ['noise', true],
  ['untrained', true], ['seed images', true], ['null p95', true], ['same class', true], ['flags', false]];
const numbersOf = (cell) => [number(cell.stir), interval(cell.stir_low, cell.stir_high), number(cell.similarity), number(cell.stir_excess),
  number(cell.stir_ceiling), number(cell.stir_noise), number(cell.stir_untrained), number(cell.stir_seed_floor), number(cell.stir_null_p95),
  percent(cell.target_same_class_fraction), cell.flags];
const tableOf = (caption, head, named) => plainTable(caption, [[head, false], ...COLUMNS], named.map(([name, cell]) => [name, ...numbersOf(cell)]));

const sentence = (cell) => element('p', null, element('b', null, `STIR(${title(cell)}) is ${number(cell.stir)}`),
  isNumber(cell.stir_low) ? ` (${interval(cell.stir_low, cell.stir_high)})` : '',
  [['noise', cell.stir_noise], ['ceiling', cell.stir_ceiling], ['excess', cell.stir_excess]].filter(([, value]) => isNumber(value))
    .map(([name, value]) => `; ${name} ${number(value)}`), `. ${data.readings[cell.reading]}`);

const bothDirections = (cells) => newChart('bullets', cells.map((cell) => bullet(`${cell.names[cell.target]}\ngiven ${cell.names[cell.reference]}`, cell)),
  `Both directions: ${cells.map((cell) => `${title(cell)} ${number(cell.stir)}`).join(', ')}. The table below has all numbers.`,
  `Between floor and ceiling: layer ${state.layer}, ${state.measure}`, tableOf('Both directions', 'direction', cells.map((cell) => [title(cell), cell])));

const layerRows = (found) => found.flatMap(([layer, cell]) => Object.entries(FLOORS).slice(0, 5).map(([kind, column]) =>
  ({layer, kind, value: cell[column], ...(kind === 'STIR' && isNumber(cell.stir_low) ? {low: cell.stir_low, high: cell.stir_high} : {})}))
  .filter((row) => isNumber(row.value)));
const along = (name, values, cellAlong, draw) => element('div', {class: 'two'}, directions().map(([reference, target]) => {
  const found = values.map((value) => [value, cellAlong(reference, target, value)]).filter(([, cell]) => cell);
  if (!found.length) return null;
  const head = `${title(found[0][1])}, by ${name}`;
  return newChart(draw.chart, draw.rows(found), `${head}. The table below has all numbers.`, head, tableOf(head, name, found));
}));
const byLayer = () => along('layer', data.layers, (m1, m2, layer) => cellFor(m1, m2, layer), {chart: 'layers', rows: layerRows});
const byMeasure = () => along('measure', data.similarity_measures, (m1, m2, measure) => cellFor(m1, m2, state.layer, measure),
  {chart: 'bullets', rows: (found) => found.map(([measure, cell]) => bullet(measure, cell))});

const predictions = (image, reference, target) => {
  const row = (name, before, after) => element('tr', null, element('th', {scope: 'row'}, name), element('td', null, before ?? '–'),
    element('td', {class: before && after && before !== after ? 'changed' : null}, `${after ?? '–'}${before && after && before !== after ? ' (changed)' : ''}`));
  const heads = ['predicted class', 'X', "X'"].map((text) => element('th', {scope: 'col'}, text));
  return element('table', {class: 'predictions'}, element('thead', null, element('tr', null, heads)),
    element('tbody', null, row(reference, image.reference_class, image.reference_class_iri), row(target, image.target_class, image.target_class_iri)));
};
const agreementCard = (image, reference, target) => element('figure', {class: 'card'},
  element('div', {class: 'triple'}, [['X', image.reference], ['seed', image.seed], ["X'", image.iri]].map(([what, key]) =>
    element('div', null, picture(key, `${what} of image ${image.index}, ${image.class_name}`), element('span', {class: 'muted'}, what)))),
  element('figcaption', null, element('b', null, `score ${number(image.score)}`), `, image ${image.index}, ${image.class_name}`,
    image.converged === false ? element('span', {class: 'mark'}, 'not converged') : ''),
  predictions(image, reference, target));
const agreementOf = (reference, target) => {
  const found = data.agreements.filter((a) => a.layer === state.layer && a.images_dataset === state.dataset
    && a.reference_model === names.models[reference] && a.target_model === names.models[target]);
  return found.map((a) => element('div', {class: 'agreement'},
    element('h3', null, `Images of ${a.target_model} given ${a.reference_model}`),
    element('p', {class: 'muted'}, `Pointwise score (PNKA) of what the target represents for X and X', random seed ${a.random_seed}`,
      isNumber(a.median) ? `; the median over images is ${number(a.median)}.` : '.'),
    [['Agree most', a.most], ['Agree least', a.least]].map(([head, images]) => [element('h4', null, head),
      element('div', {class: 'cards'}, images.map((image) => agreementCard(image, a.reference_model, a.target_model)))])));
};

const drawPair = () => {
  const tools = byId('pair-tools').elements;
  [tools.reference.value, tools.target.value] = [pair.reference, pair.target];
  const cells = directions().map(([reference, target]) => cellFor(reference, target)).filter(Boolean);
  const body = byId('pair-body');
  byId('pair-title').textContent = `Pair: ${names.models[pair.target]} given ${names.models[pair.reference]}`;
  if (!cells.length) return body.replaceChildren(element('p', {class: 'notice'}, 'There is no score of this pair for this layer and measure.'));
  const images = directions().flatMap(([reference, target]) => agreementOf(reference, target));
  return body.replaceChildren(...cells.map(sentence), bothDirections(cells),
    ...(data.layers.length > 1 ? [element('h3', null, `Layer by layer, ${state.measure}`), byLayer()] : []),
    ...(data.similarity_measures.length > 1 ? [element('h3', null, `All measures, layer ${state.layer}`), byMeasure()] : []), ...images);
};
const openPair = (reference, target, focused = true) => {
  [pair.reference, pair.target] = [reference, target];
  drawPair();
  if (!focused) return;
  byId('pair').scrollIntoView();
  byId('pair-title').focus({preventScroll: true});
};
