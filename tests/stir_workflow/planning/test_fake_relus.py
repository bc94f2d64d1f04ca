"""A fake last ReLU that a layer does not have is found before any job runs."""

from tests.experiment_files import edited

FAKE = {"inversion.method": "normalised_gradient", "inversion.fake_last_relu": True}


def test_a_layer_without_a_relu_before_it_is_refused_once_per_architecture(quickstart, refusal, load):
    lines = [line for line in refusal(edited(quickstart, FAKE | {"layers": ["stage3", "normalise"]})) if "fake_last_relu" in line]
    starts = [
        f"inversion.fake_last_relu: architecture {name!r}, layer 'normalise': Found no ReLU" for name in ("resnet8", "vgg6")
    ]
    assert len(lines) == 2
    assert all(line.startswith(start) for line, start in zip(sorted(lines), starts, strict=True))
    load(edited(quickstart, FAKE))
