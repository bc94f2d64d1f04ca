const drawTraining = () => {
  const places = shownModels();
  const label = labelsOf(places);
  for (const row of document.querySelectorAll('#models tbody tr')) row.hidden = !places.includes(Number(row.dataset.model));
  const accuracies = places.flatMap((place) => {
    const model = data.models[place];
    return [{model: model.name, kind: 'clean', accuracy: model.clean_accuracy},
      ...model.robust_accuracies.map(({attack, accuracy}) => ({model: model.name, kind: attack, accuracy}))];
  }).filter((row) => isNumber(row.accuracy));
  chart(byId('accuracies'), 'accuracies', accuracies, 'Clean and robust accuracy of each model. The table of models has the numbers.');
  const curves = places.flatMap((place) => [['clean', 'clean_accuracy'], ['robust', 'robust_accuracy']].flatMap(([kind, name]) =>
    (data.models[place].learning_curve?.[name] ?? []).map((value, epoch) => ({model: names.models[place], label: label(place), kind, epoch: epoch + 1, value}))));
  chart(byId('learning'), 'learning', curves, 'Accuracy after every epoch of training. The table below has the numbers.');
  const details = byId('learning-table');
  details.hidden = !curves.length;
  details.ontoggle = () => details.replaceChildren(details.firstElementChild, ...(details.open ? [learningTable(places)] : []));
};
const learningTable = (places) => {
  const rows = places.flatMap((place) => {
    const curve = data.models[place].learning_curve;
    const length = Math.max(0, ...Object.values(curve ?? {}).map((values) => values.length));
    return Array.from({length}, (_, epoch) => [names.models[place], String(epoch + 1), number(curve.training_loss[epoch]),
      percent(curve.clean_accuracy[epoch]), percent(curve.robust_accuracy[epoch])]);
  });
  return plainTable('Learning curves', [['model', false], ['epoch', true], ['training loss', true], ['clean', true], ['robust', true]], rows);
};
