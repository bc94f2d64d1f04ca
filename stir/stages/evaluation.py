"""Stage evaluation: clean and robust accuracy of a checkpoint on the test images."""

from stir.stages.job import Job, computed_on

VERSION = 1
IMPORTS = ("stir.models", "stir.stages.images", "stir.training")


def make(job: Job) -> None:
    """Attack a model, and write its accuracies as JSON."""
    import json

    from stir.artifacts import checked, sealing
    from stir.models import read_model
    from stir.stages.images import read_images
    from stir.training import Attack, accuracy

    device = job.torch_device()
    attack = Attack(**job.settings["attack"])
    images, labels = read_images(job.one("dataset"), "test")
    model = read_model(checked(job.one("checkpoint"))).to(device)
    found = accuracy(model, images.to(device), labels.to(device), attack, batch_size=job.settings["batch_size"])
    content = {
        "checkpoint": job.recipe.inputs["checkpoint"],
        "clean_accuracy": found.clean,
        "robust_accuracy": found.robust,
        "attack_norm": attack.norm,
        "attack_eps": attack.eps,
        "attack_steps": attack.steps,
        "n_images": len(images),
    }
    with sealing(job.output, job.recipe, **computed_on(device)) as path:
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
