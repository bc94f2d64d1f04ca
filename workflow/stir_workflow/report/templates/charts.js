const drawn = new Map();
const TOOLTIP = {disableDefaultStyle: true};

// The chart with its rows; in a narrow window, with names and legends that leave room for it.
const fitted = (empty, rows, width) => {
  const spec = {...empty, data: empty.data.map((table) => (table.name === 'rows' ? {...table, values: rows} : table))};
  if (width > 560) return spec;
  const narrow = spec.legends.some((legend) => legend.symbolType) ? 1 : 2;
  spec.legends = (spec.legends ?? []).map((legend) => ({...legend, columns: narrow, labelLimit: width / 2 - 40}));
  spec.axes = spec.axes.map((axis) => (axis.orient === 'left' && axis.labelLimit ? {...axis, labelLimit: 0.42 * width} : axis));
  return spec;
};

// Draw a chart of rows when it is seen. The text alternative says what it shows; a table beside it has the numbers.
const chart = (node, name, rows, says) => {
  node.setAttribute('role', 'img');
  node.setAttribute('aria-label', says);
  drawn.get(node)?.finalize();
  drawn.delete(node);
  if (!rows.length) {
    node.removeAttribute('role');
    node.removeAttribute('aria-label');
    node.replaceChildren(element('p', {class: 'muted'}, 'No numbers are known.'));
    return;
  }
  whenSeen(node, () => {
    const inner = element('div', {class: 'inner', 'aria-hidden': 'true'});
    node.replaceChildren(inner);
    const spec = fitted(data.charts[name], rows, node.clientWidth);
    vegaEmbed(inner, spec, {mode: 'vega', ast: true, actions: false, renderer: 'svg', defaultStyle: false, tooltip: TOOLTIP})
      .then((result) => drawn.set(node, result));
  });
};
const newChart = (name, rows, says, caption, table) => {
  const node = element('div', {class: `chart chart-${name}`});
  const figure = element('figure', null, element('figcaption', null, caption), node, table ? folded('As a table', table) : null);
  chart(node, name, rows, says);
  return figure;
};

// Colours tell at most eight names apart: models, or their groups, or how they were trained.
const MOST_COLOURS = 8;
const labelsOf = (places) => {
  const ways = [(model) => model.name, (model) => model.group, (model) => model.training ?? 'not known'];
  const way = ways.find((name) => new Set(places.map((place) => name(data.models[place]))).size <= MOST_COLOURS);
  return (place) => (way ? way(data.models[place]) : 'all models');
};
