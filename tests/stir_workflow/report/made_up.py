"""Made-up contents of a report, of any number of models; the same for the same arguments."""

import struct
import zlib

import numpy as np

from stir_workflow.report.content import (
    Agreement,
    AgreementImage,
    Cell,
    Finding,
    Gallery,
    GroupCell,
    Image,
    LearningCurve,
    Model,
    Picture,
    Provenance,
    Report,
    RobustAccuracy,
    StageTime,
    Verdict,
)

LAYERS, MEASURES, TRAININGS = ["stage2", "stage3", "penultimate"], ["linear_cka", "rsa_spearman"], ["vanilla", "at"]
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
EXACT = 4


def made_up(n_models: int, *, n_layers: int = 2, n_measures: int = 2, n_pictures: int | None = None, size: int = 32) -> Report:
    """Return a report with two models per group, pictures fewer where models are many, and every kind of missing value."""
    draws = np.random.default_rng(n_models)
    layers, measures = LAYERS[-n_layers:], MEASURES[:n_measures]
    models = [_model(number, draws) for number in range(n_models)]
    cells = [_cell(m1, m2, layer, measure, draws) for m1 in models for m2 in models for layer in layers for measure in measures]
    n_pictures = n_pictures if n_pictures is not None else 10 if n_models <= 24 else 2
    images = {name: _image(size, draws) for number in range(n_pictures) for name in (f"reference-{number}", f"seed-{number}")}
    galleries = [_gallery(m, layer, n_pictures, size, images, draws) for m in models for layer in layers]
    shown = models if n_models <= 24 else models[:10]
    agreements = [_agreement(m1, m2, layer, n_pictures, draws) for m1 in shown for m2 in shown for layer in layers]
    groups = list(dict.fromkeys(model.group for model in models))
    return Report(
        name="made_up",
        title="Report of the experiment made_up",
        question="Do adversarially trained networks share more invariances than vanilla ones?",
        summary=f"{n_models} models in {len(groups)} groups, compared on 300 test images of cifar10 at {len(layers)} layers.",
        command="snakemake --cores all --config experiment=made_up.yaml",
        findings=_findings(groups, n_models),
        models=models,
        groups=groups,
        layers=layers,
        similarity_measures=measures,
        images_datasets=["cifar10"],
        layer=layers[-1],
        similarity_measure=measures[0],
        images_dataset="cifar10",
        cells=cells,
        group_cells=[
            _group_cell(a, b, layer, measure, draws) for a in groups for b in groups for layer in layers for measure in measures
        ],
        verdicts=[
            Verdict(
                "random_init",
                "a",
                "STIR is below plain similarity.",
                layers[-1],
                "cifar10",
                -0.3,
                -0.4,
                -0.2,
                0.0,
                8,
                "trainings",
                "fails",
            ),
            Verdict(
                "random_init",
                "b",
                "AT raises STIR.",
                layers[-1],
                "cifar10",
                0.2,
                -0.1,
                0.5,
                0.0,
                8,
                "trainings",
                "undecided",
                "flagged",
            ),
        ],
        images=images,
        galleries=galleries,
        agreements=agreements,
        provenance=_provenance(),
        flag_meanings={"not_all_converged": "some images not within the tolerance", "low_ceiling": "ceiling under 0.99"},
        left_out=[f"Pictures of the other {300 - n_pictures} images: results/iris has them all."],
        sources=["results/tables/made_up.csv", "results/tables/made_up-summary.csv", "results/tables/made_up-models.csv"],
    )


def _model(number: int, draws: np.random.Generator) -> Model:
    training, architecture = TRAININGS[number // 2 % 2], f"resnet{8 + 2 * (number // 4)}"
    clean, robust = 0.9 + 0.09 * draws.random(), 0.4 * draws.random() * (training == "at")
    epochs = np.arange(1, 21)
    curve = LearningCurve(
        [round(float(x), EXACT) for x in 2.3 * np.exp(-epochs / 6)],
        [round(float(x), EXACT) for x in clean * (1 - np.exp(-epochs / 3))],
        [round(float(x), EXACT) for x in robust * (1 - np.exp(-epochs / 5))],
    )
    flags = [] if training == "at" else ["no robust accuracy: 0%, and guessing among 10 classes gives 10%"]
    return Model(
        name=f"{architecture}-{training}-{number % 2}",
        group=f"{architecture}-{training}",
        architecture=architecture,
        training=training,
        training_dataset="cifar10",
        random_seed=number % 2,
        clean_accuracy=round(clean, EXACT),
        robust_accuracies=[RobustAccuracy("PGD in l2, eps 1, 20 steps", round(robust, EXACT), 1000)],
        flags=flags,
        learning_curve=curve if number % 5 != 4 else None,
        facts={"width": "16", "normalisation": "mean 0.47, sd 0.25"},
    )


def _cell(m1: Model, m2: Model, layer: str, measure: str, draws: np.random.Generator) -> Cell:
    same = m1.name == m2.name
    base = 0.85 if m2.training == "at" else 0.45
    stir = 0.999 if same else float(np.clip(base + 0.1 * draws.standard_normal(), 0.05, 0.98))
    noise, missing = 0.3 + 0.1 * draws.random(), draws.random() < 0.02
    numbers = {
        "stir": None if missing else stir,
        "stir_low": None if missing else stir - 0.03,
        "stir_high": None if missing else min(stir + 0.03, 1),
        "similarity": 1.0 if same else min(stir + 0.2, 0.99),
        "stir_excess": None if missing else (stir - noise) / (0.999 - noise),
        "stir_ceiling": 0.999,
        "stir_noise": noise,
        "stir_seed_floor": 0.04,
        "stir_untrained": 0.34,
        "stir_null_p95": 0.035,
        "stir_null_p_holm": 0.0002,
        "stir_sd_inversion_seeds": 0.01,
        "inversion_error": 0.098,
        "converged_fraction": 0.94,
        "same_class_fraction": 1.0,
        "target_same_class_fraction": None if draws.random() < 0.02 else 0.8,
    }
    rounded = {name: None if value is None else round(float(value), EXACT) for name, value in numbers.items()}
    flags = ["no_number"] if missing else ["not_all_converged"] if m1.training == "vanilla" else []
    return Cell(
        m1.name, m2.name, layer, measure, "cifar10", layer, layer, **rounded, n_images=300, n_inversion_seeds=2, flags=flags
    )


def _group_cell(a: str, b: str, layer: str, measure: str, draws: np.random.Generator) -> GroupCell:
    stir = round(0.4 + 0.5 * draws.random(), EXACT)
    low, high = round(stir - 0.04, EXACT), round(min(stir + 0.04, 1), EXACT)
    return GroupCell(
        a,
        b,
        layer,
        measure,
        "cifar10",
        stir,
        low,
        high,
        "training seeds, inversion seeds and images",
        similarity=round(min(stir + 0.2, 1), EXACT),
        stir_excess=round(stir - 0.2, EXACT),
        stir_ceiling=0.999,
        stir_noise=0.3,
        stir_seed_floor=0.04,
        stir_untrained=0.34,
        n_model_pairs=2 if a == b else 4,
        n_inversion_seeds=2,
        flags="not_all_converged (resnet8-vanilla-0)" if "vanilla" in a else "",
    )


def _gallery(model: Model, layer: str, count: int, size: int, images: dict[str, Image], draws: np.random.Generator) -> Gallery:
    items = []
    for number in range(count):
        key = f"iri-{model.name}-{layer}-{number}"
        images[key] = _image(size, draws)
        items.append(
            Picture(
                number,
                CLASSES[number % 10],
                f"reference-{number}",
                f"seed-{number}",
                key,
                error=round(0.09 + 0.02 * draws.random(), EXACT),
                converged=number % 7 != 3,
                matched=number % 9 != 4,
            )
        )
    curve = [(step, round(float(np.exp(-step / 40)) + 0.09, EXACT)) for step in range(0, 301, 20)]
    return Gallery(
        model.name,
        layer,
        "cifar10",
        0,
        "lbfgs",
        "normal_noise",
        0.1,
        300,
        converged_fraction=0.94,
        error_median=0.098,
        seed_error_median=0.99,
        iterations_median=42.0,
        curve=curve if model.training == "at" else None,
        converged_curve=[(step, min(1.0, step / 200)) for step in range(0, 301, 20)],
        errors=[round(0.05 + 0.006 * step, EXACT) for step in range(11)],
        flags=["not_all_converged"],
        items=items,
    )


def _agreement(m1: Model, m2: Model, layer: str, count: int, draws: np.random.Generator) -> Agreement:
    def image(number: int, score: float) -> AgreementImage:
        name, other = CLASSES[number % 10], CLASSES[(number + 3) % 10]
        return AgreementImage(
            number,
            name,
            round(score, EXACT),
            name,
            name,
            name,
            name if score > 0.5 else other,
            0.097,
            True,
            f"reference-{number}",
            f"seed-{number}",
            f"iri-{m1.name}-{layer}-{number}",
        )

    shown, scores = min(count, 4), draws.random(count)
    most = [image(number, 0.9 + 0.09 * scores[number]) for number in range(shown)]
    least = [image(count - 1 - number, 0.3 * scores[count - 1 - number]) for number in range(shown)]
    return Agreement(m1.name, m2.name, layer, "cifar10", 0, most, least, 0.71)


def _findings(groups: list[str], n_models: int) -> list[Finding]:
    table = "made_up-summary.csv"
    return [
        Finding(
            f"STIR between models of {groups[-1]} is 0.89 (0.87 to 0.91, n = {n_models} models), above noise, 0.46.",
            "holds",
            table,
        ),
        Finding(f"STIR between models of {groups[0]} is 0.43 (0.40 to 0.46), below plain similarity, 0.89.", "fails", table),
        Finding("Whether the two directions differ is undecided: the difference is 0.01 (-0.02 to 0.04).", "undecided", table),
        Finding("6 of 8 models have images that did not converge; see the flags.", "note"),
    ]


def _provenance() -> Provenance:
    return Provenance(
        settings="description: made up\nlayers: [stage3, penultimate]\n",
        versions={"stir": "0.2.0", "torch": "2.14.1", "numpy": "2.4.6", "python": "3.11.7"},
        hardware=["cpu: x86_64 Intel(R) Xeon(R) Processor, AVX512"],
        times=[StageTime("checkpoint", 8, 4430.7, 1200.0, "cpu"), StageTime("iri", 24, 227.3, 900.0, "cpu")],
        keys={"table": "78c4d2a381", "checkpoint resnet8-at-0": "2587d8ccb0"},
        made="2026-11-28T21:00:00+00:00",
    )


def _image(size: int, draws: np.random.Generator) -> Image:
    """Encode noise as a PNG of RGB by hand, so that nothing of the gathering is needed here."""
    pixels = np.clip(0.5 + 0.2 * draws.standard_normal((size, size, 3)), 0, 1)
    raw = b"".join(b"\0" + row.tobytes() for row in (255 * pixels).astype(np.uint8))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return Image("image/png", data, size, size)
