const data = read(byId('data'));
const names = {models: data.models.map((model) => model.name), groups: data.groups};
const state = {kind: 'models', dataset: data.images_dataset, layer: data.layer, measure: data.similarity_measure,
  order: 'given', group: '', find: '', cell: null};

const blocks = new Map([...document.querySelectorAll('script.block')].map((script) =>
  [JSON.stringify([script.dataset.kind, script.dataset.dataset, script.dataset.layer, script.dataset.measure]), {script}]));

// A matrix is parsed when it is first asked for.
const blockOf = (kind, dataset, layer, measure) => {
  const found = blocks.get(JSON.stringify([kind, dataset, layer, measure]));
  if (!found) return null;
  if (!found.data) {
    found.data = read(found.script);
    found.kind = kind;
    found.rows = new Int32Array(names[kind].length ** 2).fill(-1);
    found.data.reference.forEach((reference, row) => { found.rows[reference * names[kind].length + found.data.target[row]] = row; });
  }
  return found;
};
const chosenBlock = () => blockOf(state.kind, state.dataset, state.layer, state.measure);

const rowOf = (block, reference, target) => block.rows[reference * names[block.kind].length + target];

// One score with all its controls, or null.
const cellOf = (block, reference, target) => {
  const row = block ? rowOf(block, reference, target) : -1;
  if (row < 0) return null;
  const cell = {reference, target, names: names[block.kind]};
  for (const [name, values] of Object.entries(block.data.columns)) {
    cell[name] = values.codes ? values.levels[values.codes[row]] : values[row];
  }
  return cell;
};

const isShown = (kind, place) => {
  const name = names[kind][place];
  const group = kind === 'models' ? data.models[place].group : name;
  return (!state.group || group === state.group) && name.toLowerCase().includes(state.find.trim().toLowerCase());
};
const ordered = (block) => {
  const found = names[block.kind].map((_, place) => place);
  const group = (place) => (block.kind === 'models' ? data.groups.indexOf(data.models[place].group) : place);
  if (state.order === 'clustered') return block.data.order;
  if (state.order === 'group') return found.sort((a, b) => group(a) - group(b) || a - b);
  if (state.order === 'name') return found.sort((a, b) => names[block.kind][a].localeCompare(names[block.kind][b]));
  return found;
};
const shownModels = () => {
  const block = blockOf('models', state.dataset, state.layer, state.measure);
  const all = block ? ordered(block) : names.models.map((_, place) => place);
  return state.kind === 'models' ? all.filter((place) => isShown('models', place)) : all;
};
