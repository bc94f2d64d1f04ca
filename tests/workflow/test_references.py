"""References of one's own through the whole workflow: perturbed images from a file, and an ensemble."""

import numpy as np

from stir.tables import read_table
from tests.experiment_files import write_yaml
from tests.workflow.snakemake import snakemake

N_IMAGES = 16


def test_perturbed_images_and_an_ensemble_have_rows_with_controls_beside_those_of_the_models(copied, tiny):
    images = np.random.default_rng(0).random((N_IMAGES, 1, 8, 8), dtype=np.float32)
    np.save(copied / "metamers.npy", images)
    references = [{"name": "metamers", "perturbed_images": "metamers.npy"}, {"name": "both", "models": ["residual-0", "plain-0"]}]
    write_yaml(copied / "tiny.yaml", {**tiny, "references": references})
    ran = snakemake(copied, "tiny.yaml")
    assert ran.code == 0, ran.text
    assert not {"dataset", "checkpoint", "evaluation"} & ran.finished.keys()
    assert (ran.finished["representation"], ran.finished["score"]) == (2, 2)
    scores = read_table(copied / "results" / "tables" / "tiny.csv")
    given, ensemble = (scores[scores["reference_model"] == name] for name in ("metamers", "both"))
    assert list(scores["reference_model"].unique()) == ["residual-0", "plain-0", "metamers", "both"]
    assert list(scores["target_model"].unique()) == ["residual-0", "plain-0"]
    assert set(given["random_seed"]) == {0}
    assert set(ensemble["random_seed"]) == {0, 1}
    assert set(given["inversion_method"]) == {"given"}
    assert (given["stir_ceiling"] == 1).all()
    empty = ["similarity", "stir_seed_floor", "tolerance", "converged_fraction", "inversion_error_median"]
    assert given[empty].isna().all(axis=None)
    assert given[["stir", "stir_noise", "stir_untrained"]].notna().all(axis=None)
    assert ensemble["similarity"].isna().all()
    assert ensemble[["stir", "stir_noise", "stir_seed_floor", "inversion_error_median"]].notna().all(axis=None)
    own = ensemble.groupby(["similarity_measure", "random_seed"])
    assert (own["stir_ceiling"].first() == own["stir"].min()).all()
    assert not scores["flags"].str.contains("no_number|match_unknown", na=False).any()
    summary = read_table(copied / "results" / "tables" / "tiny-summary.csv")
    assert {"metamers", "both"} < set(summary["reference_group"])
    assert summary["flags"].str.contains("low_ceiling", na=False).any()
    assert all(
        (copied / "results" / "figures" / f"tiny-{name}.png").exists()
        for name in ("penultimate-linear_cka", "penultimate-images")
    )
