"""The text of a page: complete, closed to everything outside, and the same for the same report."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest

from stir.plotting.colours import LEAST_CONTRAST, contrast
from stir_workflow.report import galleries, matrices, palette
from stir_workflow.report.content import Finding, Report
from stir_workflow.report.page import render
from tests.stir_workflow.report.made_up import made_up

MEGABYTES = 20
HOSTILE = [
    "</script><script>hacked = 1</script>",
    "<img src=x onerror='hacked = 2'>",
    '"><svg onload=hacked=3>{{ 7 * 7 }}{% for %}',
    "__proto__",
    "<!--<script>",
    "e" * 300,
    "half a pair \ud800, \u2028 and \u202e right to left",
]


class Elements(HTMLParser):
    """The elements of a page, with what stands in its scripts and styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem in self.texts:
            self.texts[self.cdata_elem].append(data)


def hostile(n_models: int = 4) -> Report:
    """Return a report in which every text that users choose tries to be more than a text."""
    report = made_up(n_models, n_pictures=2)
    names = {model.name: f"{HOSTILE[number % len(HOSTILE)]} {number}" for number, model in enumerate(report.models)}
    groups = {group: f"{HOSTILE[number % len(HOSTILE)]} group" for number, group in enumerate(report.groups)}
    layers = {layer: f"{HOSTILE[0]}{layer}" for layer in report.layers}
    text = HOSTILE[1]
    return replace(
        report,
        name=text,
        title=text,
        question=HOSTILE[0],
        summary=HOSTILE[2],
        command=HOSTILE[0],
        findings=[Finding(hostile_text, "holds", hostile_text) for hostile_text in HOSTILE],
        groups=list(groups.values()),
        layers=list(layers.values()),
        layer=layers[report.layer],
        models=[replace(m, name=names[m.name], group=groups[m.group], flags=[text], facts={text: text}) for m in report.models],
        cells=[
            replace(
                c,
                reference_model=names[c.reference_model],
                target_model=names[c.target_model],
                layer=layers[c.layer],
                flags=["__proto__", HOSTILE[0]],
            )
            for c in report.cells
        ],
        group_cells=[],
        verdicts=[replace(verdict, claim=text, flag=HOSTILE[0]) for verdict in report.verdicts],
        galleries=[replace(g, model=names[g.model], layer=layers[g.layer], seed_images=text) for g in report.galleries],
        agreements=[
            replace(
                a,
                reference_model=names[a.reference_model],
                target_model=names[a.target_model],
                layer=layers[a.layer],
                most=[replace(image, class_name=text, target_class=HOSTILE[0], iri="__proto__") for image in a.most],
            )
            for a in report.agreements
        ],
        provenance=replace(
            report.provenance, settings=HOSTILE[0], keys={text: HOSTILE[0]}, versions={text: text}, hardware=[text]
        ),
        flag_meanings={text: text, HOSTILE[0]: HOSTILE[0]},
        left_out=[text],
        sources=[HOSTILE[0]],
    )


@pytest.fixture(scope="module")
def text() -> str:
    return render(made_up(4))


def elements(text: str) -> Elements:
    parser = Elements()
    parser.feed(text)
    return parser


def test_pages_of_any_number_of_models_are_small_enough_to_send(pages):
    assert all(path.stat().st_size < MEGABYTES * 1e6 for path in map(pages, (2, 24, 100)))


def test_the_same_report_gives_the_same_page(text):
    assert render(made_up(4)) == text


def test_a_page_refers_to_nothing_outside_of_it(text):
    parser = elements(text)
    addresses = [
        value or "" for _, attributes in parser.found for name, value in attributes.items() if name in {"src", "href", "srcset"}
    ]
    assert addresses
    assert all(address.startswith("#") for address in addresses)
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _ in parser.found}
    assert "@import" not in text
    assert "url(" not in "".join(parser.texts["style"])


def _hash(part: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"


def test_the_policy_allows_the_scripts_and_style_of_the_page_alone(text):
    parser = elements(text)
    policy = next(a["content"] for tag, a in parser.found if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy")
    kinds = [attributes.get("type") for tag, attributes in parser.found if tag == "script"]
    scripts = [script for script, kind in zip(parser.texts["script"], kinds, strict=True) if kind is None]
    hashes = {_hash(part) for part in [*scripts, *parser.texts["style"]]}
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert set(re.findall(r"'sha256-[^']+'", policy)) == hashes
    assert "unsafe" not in policy


def test_data_are_json_without_values_that_json_lacks(text):
    parser = elements(text)
    kinds = [attributes.get("type") for tag, attributes in parser.found if tag == "script"]
    parts = [json.loads(script) for script, kind in zip(parser.texts["script"], kinds, strict=True) if kind is not None]
    assert len(parts) == 1 + 2 * 2 * 2  # models and groups, layers, measures
    with pytest.raises(ValueError, match="Out of range float"):
        render(replace(made_up(2), cells=[replace(cell, stir_noise=float("nan")) for cell in made_up(2).cells]))


def test_hostile_texts_stay_texts():
    honest, attacked = elements(render(made_up(4, n_pictures=2))), elements(render(hostile()))
    count = lambda parser, tag: sum(found == tag for found, _ in parser.found)  # noqa: E731
    assert count(attacked, "img") == count(honest, "img") == 0
    assert count(attacked, "svg") == 0
    assert sum(tag == "script" and "type" not in attributes for tag, attributes in attacked.found) == 2
    assert not any(name.startswith("on") for _, attributes in attacked.found for name in attributes)


@pytest.mark.parametrize("prefix", palette.SCALES)
def test_digits_are_legible_on_every_colour(prefix):
    rules = re.findall(rf"\.{prefix}\d+{{background:(#\w+);color:(\w+)}}", palette.rules())
    assert len(rules) == palette.STEPS
    assert all(contrast(*rule) >= LEAST_CONTRAST for rule in rules)
    assert rules[-1][0] == matplotlib.colors.to_hex(matplotlib.colormaps[palette.SCALES[prefix]](1.0))


def test_models_that_are_alike_are_put_next_to_each_other():
    kinds = np.array([0, 1, 0, 1, 0, 1, 1])
    values = np.where(kinds[:, None] == kinds[None], 0.9, 0.2) + 0.01 * np.arange(7)
    values[0, 1] = values[1, 0] = np.nan
    order = kinds[matrices.clustered(values)]
    assert np.count_nonzero(np.diff(order)) == 1
    assert matrices.clustered(np.full((5, 5), np.nan)) is not None
    assert matrices.clustered(values[:2, :2]) == [0, 1]


@pytest.mark.parametrize(
    ("changes", "reading"),
    [
        ({}, "signal"),
        ({"stir_low": 0.2, "stir_high": 0.4}, "robustness"),
        ({"stir_low": 0.1, "stir_high": 0.2}, "sensitive"),
        ({"stir_null_p_holm": 0.2}, "floor"),
        ({"flags": ["not_above_null"], "stir_null_p_holm": None}, "floor"),
        ({"stir_low": None}, "unknown"),
        ({"stir_noise": None}, "unknown"),
    ],
)
def test_a_score_reads_as_its_interval_lies_beside_the_noise(changes, reading):
    cell = replace(made_up(2).cells[0], stir_low=0.5, stir_high=0.6, stir_noise=0.3, stir_null_p_holm=0.001, flags=[])
    assert matrices.reading_of(replace(cell, **changes)) == reading


def test_models_given_the_same_images_share_their_rows():
    report = made_up(4, n_pictures=2)
    other = replace(report.galleries[0], items=[replace(item, reference="seed-0") for item in report.galleries[0].items])
    shared = galleries.shared_galleries([other, *report.galleries[1:]])
    assert sorted(len(gallery["rows"]) for gallery in shared) == [1, 3, 4]
