const drawAll = () => {
  for (const node of document.querySelectorAll('.chosen')) node.textContent = `layer ${state.layer}, ${state.measure}, ${state.dataset}`;
  for (const node of document.querySelectorAll('.chosen-layer')) node.textContent = `layer ${state.layer}, ${state.dataset}`;
  drawMatrices();
  drawGallery();
  drawTraining();
};
const fillTools = () => {
  const tools = byId('tools').elements;
  const same = (values) => values.map((value) => [value, value]);
  fillSelect(tools.layer, same(data.layers), state.layer);
  fillSelect(tools.measure, same(data.similarity_measures), state.measure);
  fillSelect(tools.dataset, same(data.images_datasets), state.dataset);
  const kinds = ['models', 'groups'].filter((kind) => [...blocks.keys()].some((key) => JSON.parse(key)[0] === kind));
  fillSelect(tools.kind, same(kinds), state.kind);
  fillSelect(tools.group, [['', 'all'], ...same(data.groups)], '');
  for (const select of [tools.dataset, tools.kind, tools.group]) select.parentNode.hidden = select.options.length < 2;
  tools.group.parentNode.hidden = data.groups.length < 2;
  const models = names.models.map((name, place) => [String(place), name]);
  fillSelect(byId('pair-tools').elements.reference, models, '0');
  fillSelect(byId('pair-tools').elements.target, models.filter(([place]) => data.models[place].is_target), '0');
};
const watchTools = () => {
  const tools = byId('tools');
  let asked = null;
  tools.addEventListener('submit', (event) => event.preventDefault());
  tools.addEventListener('input', (event) => {
    const {name, value} = event.target;
    state[name] = name === 'cell' ? Number(value) : value;
    if (name === 'group' || name === 'find' || name === 'kind') state.cell = null;
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(() => {
      if (name === 'cell') return drawMatrices();
      drawAll();
      return ['layer', 'measure', 'dataset'].includes(name) ? drawPair() : undefined;
    });
  });
};
const watchPair = () => {
  const tools = byId('pair-tools');
  tools.addEventListener('submit', (event) => event.preventDefault());
  tools.addEventListener('change', () => openPair(Number(tools.elements.reference.value), Number(tools.elements.target.value), false));
  byId('swap').addEventListener('click', () => { if (data.models[pair.reference].is_target) openPair(pair.target, pair.reference, false); });
  byId('back').addEventListener('click', () => (lastCell?.isConnected ? lastCell : document.querySelector('table.matrix td[tabindex="0"]'))?.focus());
};
const watchPage = () => {
  byId('theme').addEventListener('change', (event) => document.documentElement.style.setProperty('color-scheme', event.target.value));
  byId('close').addEventListener('click', () => byId('enlarged').close());
  let width = innerWidth;
  addEventListener('resize', () => { if (innerWidth !== width) { width = innerWidth; drawMatrices(); } });
  addEventListener('beforeprint', () => {
    while (waiting.size) for (const node of [...waiting.keys()]) doNow(node);
    for (const details of document.querySelectorAll('details.printed')) details.open = true;
  });
};
// The pair shown first is the first of two different models.
const firstPair = () => {
  const block = blockOf('models', state.dataset, state.layer, state.measure);
  const row = block ? block.data.reference.findIndex((reference, place) => reference !== block.data.target[place]) : -1;
  return block ? [block.data.reference[Math.max(row, 0)], block.data.target[Math.max(row, 0)]] : [0, 0];
};

fillTools();
watchTools();
watchPair();
watchPage();
watchMatrices();
drawAll();
openPair(...firstPair(), false);
