"""CIFAR, SVHN and Fashion-MNIST: taken where they lie, else downloaded; never from the internet here."""

import gzip
import hashlib
import io
import pickle
import tarfile
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.io import savemat
from torchvision.datasets import CIFAR10, CIFAR100, SVHN, FashionMNIST

from stir.data import fashion_mnist
from stir.data.catalogue import COUNTS, Counts
from stir.data.dataset import load_split
from stir.errors import DatasetError

PER_CLASS = {"cifar10": (2, 1), "cifar100": (2, 1), "svhn": (3, 2), "fashion_mnist": (2, 1)}
KINDS = {"cifar10": CIFAR10, "cifar100": CIFAR100}
NAMES = tuple(PER_CLASS)


def md5(content):
    return hashlib.md5(content).hexdigest()


def drawn(n, shape):
    return np.random.default_rng(n).integers(0, 256, (n, *shape), dtype=np.uint8)


def cifar(server, monkeypatch, name):
    """Give torchvision's class an archive on the loopback, of few images, in the published form."""
    kind, n_classes = KINDS[name], len(COUNTS[name].train)
    key, files = ("labels" if name == "cifar10" else "fine_labels"), {}
    for number, (file, _) in enumerate([*kind.train_list, *kind.test_list]):
        n = n_classes if number == len(kind.train_list) else 2 * n_classes // len(kind.train_list)
        batch = {"data": drawn(n, (3072,)), key: [(i + number * n) % n_classes for i in range(n)]}
        files[file] = pickle.dumps(batch)
    files[kind.meta["filename"]] = pickle.dumps({kind.meta["key"]: [f"class {i}" for i in range(n_classes)]})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for file, content in files.items():
            info = tarfile.TarInfo(f"{kind.base_folder}/{file}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    server.files[kind.filename] = packed.getvalue()
    monkeypatch.setattr(kind, "url", server.url + kind.filename)
    monkeypatch.setattr(kind, "tgz_md5", md5(packed.getvalue()))
    for part in ("train_list", "test_list"):
        monkeypatch.setattr(kind, part, [[file, md5(files[file])] for file, _ in getattr(kind, part)])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5(files[kind.meta["filename"]])})


def svhn(server, monkeypatch, _name):
    split_list = {}
    for part, n in zip(("train", "test"), PER_CLASS["svhn"], strict=True):
        content = io.BytesIO()
        labels = np.tile(np.arange(1, 11), n)[:, None]
        savemat(content, {"X": drawn(10 * n, (32, 32, 3)).transpose(1, 2, 3, 0), "y": labels})
        name = f"{part}_32x32.mat"
        server.files[name] = content.getvalue()
        split_list[part] = [server.url + name, name, md5(content.getvalue())]
    monkeypatch.setattr(SVHN, "split_list", split_list)


def idx_files():
    files = {}
    for prefix, n in zip(("train", "t10k"), PER_CLASS["fashion_mnist"], strict=True):
        files[f"{prefix}-images-idx3-ubyte"] = b"h" * 16 + drawn(10 * n, (28, 28)).tobytes()
        files[f"{prefix}-labels-idx1-ubyte"] = b"h" * 8 + bytes(list(range(10)) * n)
    return files


def fashion(server, monkeypatch, _name):
    files = idx_files()
    server.files |= {f"{name}.gz": gzip.compress(content) for name, content in files.items()}
    monkeypatch.setattr(fashion_mnist, "SHA256", {name: hashlib.sha256(content).hexdigest() for name, content in files.items()})
    monkeypatch.setattr(FashionMNIST, "mirrors", [server.url])
    monkeypatch.setattr(FashionMNIST, "resources", [(f"{name}.gz", md5(server.files[f"{name}.gz"])) for name in files])


@pytest.fixture(autouse=True)
def published(server, monkeypatch, tmp_path):
    """Publish small stand-ins of all datasets on the loopback; Debian's package is not installed."""
    for name, publish in {"cifar10": cifar, "cifar100": cifar, "svhn": svhn, "fashion_mnist": fashion}.items():
        publish(server, monkeypatch, name)
        train, test = PER_CLASS[name]
        n_classes = len(COUNTS[name].train)
        monkeypatch.setitem(COUNTS, name, Counts((train,) * n_classes, (test,) * n_classes))
    monkeypatch.setattr(fashion_mnist, "DEBIAN", tmp_path / "debian")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "downloads"


def load(name, source, **settings):
    return load_split({"name": name, **settings}, source=source, generator=np.random.default_rng(0))


def same(ours, other):
    np.testing.assert_array_equal(ours.train_images, other.train_images)
    np.testing.assert_array_equal(ours.test_labels, other.test_labels)
    return True


@pytest.mark.parametrize("name", NAMES)
def test_what_is_absent_is_downloaded_once(name, server, folder):
    first = load(name, folder)
    train, test = PER_CLASS[name]
    assert np.bincount(first.train_labels).tolist() == [train] * len(COUNTS[name].train)
    assert np.bincount(first.test_labels).tolist() == [test] * len(COUNTS[name].train)
    assert first.train_images.shape[1:] == ((1, 28, 28) if name == "fashion_mnist" else (3, 32, 32))
    assert first.train_images.dtype == np.uint8
    assert len(first.class_names) == len(COUNTS[name].train)
    asked = list(server.asked)
    assert len(asked) == len(set(asked)) > 0
    assert same(load(name, folder), first)
    assert server.asked == asked


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_images_and_labels_are_those_of_the_files(name, folder):
    split = load(name, folder)
    kind = KINDS[name](folder, train=True)
    came = {(image.tobytes(), int(label)) for image, label in zip(split.train_images, split.train_labels, strict=True)}
    assert came == {
        (np.asarray(image).transpose(2, 0, 1).tobytes(), label) for image, label in (kind[number] for number in range(len(kind)))
    }
    assert split.class_names[3] == "class 3"


def test_the_digit_nought_of_svhn_is_class_0(folder):
    split = load("svhn", folder)
    kind = SVHN(folder, "test")
    came = {(image.tobytes(), int(label)) for image, label in zip(split.test_images, split.test_labels, strict=True)}
    assert came == {
        (np.asarray(image).transpose(2, 0, 1).tobytes(), int(label))
        for image, label in (kind[number] for number in range(len(kind)))
    }
    assert split.class_names[0] == "0"


@pytest.mark.parametrize("name", NAMES)
def test_classes_are_numbered_in_the_given_order(name, folder):
    whole, part = load(name, folder), load(name, folder, classes=[7, 2])
    assert part.class_names == (whole.class_names[7], whole.class_names[2])
    for number, old in enumerate([7, 2]):
        ours = {image.tobytes() for image in part.train_images[part.train_labels == number]}
        assert ours == {image.tobytes() for image in whole.train_images[whole.train_labels == old]}
    assert set(part.train_labels) == set(part.test_labels) == {0, 1}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["own", "itself"])
def test_an_unpacked_copy_is_taken_without_a_download(name, place, server, folder, tmp_path):
    first = load(name, folder)
    inner = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python", "fashion_mnist": "FashionMNIST/raw", "svhn": "."}[
        name
    ]
    copy = tmp_path / "copy" / name
    copy.parent.mkdir()
    (folder / inner).rename(copy if name in ("svhn", "fashion_mnist") else copy.parent / inner)
    server.asked.clear()
    source = {"own": copy.parent, "itself": copy if name in ("svhn", "fashion_mnist") else copy.parent / inner}[place]
    assert same(load(name, source), first)
    assert not server.asked


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_that_lies_there_is_taken_without_a_download(name, server, folder):
    folder = folder / "FashionMNIST" / "raw" if name == "fashion_mnist" else folder
    folder.mkdir(parents=True)
    for file, content in server.files.items():
        (folder / file).write_bytes(content)
    load(name, folder)
    assert not server.asked


@pytest.mark.parametrize("name", NAMES)
def test_without_a_network_the_error_says_where_to_put_it(name, server, folder):
    server.files.clear()
    with pytest.raises(DatasetError, match=rf"{name} is not at {folder}.*cannot be downloaded from {server.url}.*404") as error:
        load(name, folder)
    assert "there, from wherever you have it" in str(error.value)
    assert "STIR_DATA or under dataset.path" in str(error.value)


@pytest.mark.parametrize("name", NAMES)
def test_jobs_that_need_the_same_files_download_them_once(name, server, folder):
    with ThreadPoolExecutor(4) as pool:
        splits = list(pool.map(lambda _: load(name, folder), range(4)))
    assert all(same(split, splits[0]) for split in splits)
    assert len(server.asked) == len(set(server.asked)) > 0


def test_a_server_that_fails_is_asked_again(server, folder):
    server.script = [503, 503]
    load("cifar10", folder)
    assert len(server.asked) == 3


def test_a_wrong_checksum_is_refused_and_not_kept(server, folder):
    server.files["cifar-10-python.tar.gz"] = b"another file"
    with pytest.raises(DatasetError, match=r"cifar10 is not at .*hash"):
        load("cifar10", folder)
    assert not (folder / "cifar-10-python.tar.gz").exists()


def test_a_folder_that_was_unpacked_in_part_is_unpacked_anew(server, folder):
    first = load("cifar10", folder)
    (folder / "cifar-10-batches-py" / "data_batch_3").write_bytes(b"cut")
    (folder / "cifar-10-batches-py" / "test_batch").unlink()
    server.asked.clear()
    assert same(load("cifar10", folder), first)
    assert not server.asked, "the archive lies there"


def test_a_place_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DatasetError, match=r"Cannot download to .*STIR_DATA"):
        load("svhn", tmp_path / "file" / "downloads")


@pytest.mark.parametrize("packed", [True, False])
def test_fashion_mnist_is_taken_from_debians_package(server, folder, tmp_path, packed):
    first = load("fashion_mnist", folder)
    server.asked.clear()
    (tmp_path / "debian").mkdir()
    for name, content in idx_files().items():
        (tmp_path / "debian" / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(content, 1) if packed else content)
    assert same(load("fashion_mnist", tmp_path / "nowhere"), first)
    assert not server.asked
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("harm", ["altered", "cut"])
def test_a_damaged_copy_of_fashion_mnist_is_refused(tmp_path, harm):
    (tmp_path / "debian").mkdir()
    for name, content in idx_files().items():
        packed = gzip.compress(content[:-1] + b"x" if harm == "altered" else content)
        (tmp_path / "debian" / f"{name}.gz").write_bytes(packed if harm == "altered" else packed[:-20])
    expected = "Expected Fashion-MNIST's train-images-idx3-ubyte, SHA-256" if harm == "altered" else "Cannot read .*end-of-stream"
    with pytest.raises(DatasetError, match=expected):
        load("fashion_mnist", tmp_path)


def test_another_number_of_images_is_refused(monkeypatch, folder):
    monkeypatch.setitem(COUNTS, "svhn", Counts((3,) * 10, (1,) * 10))
    with pytest.raises(
        DatasetError, match=r"Expected 30 images .*10 test images .*'svhn'; got 30 images .*20 test images \(2 to 2 per class\)"
    ):
        load("svhn", folder)


def test_a_compressed_file_of_fashion_mnist_that_has_gigabytes_does_not_fill_memory(tmp_path):
    for name in idx_files():
        (tmp_path / f"{name}.gz").write_bytes(b"")
    with gzip.open(tmp_path / "train-images-idx3-ubyte.gz", "wb", compresslevel=1) as file:
        for _ in range(150):
            file.write(bytes(10**6))
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="Expected Fashion-MNIST's train-images-idx3-ubyte, SHA-256"):
            load("fashion_mnist", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 120 * 10**6
    finally:
        tracemalloc.stop()
