"""Small data sets of the kinds that the forks are for, drawn here."""

import numpy as np
from PIL import Image, ImageDraw

from tests.idx import write_archives

COLOURS = {"blue": (50, 70, 220), "green": (40, 200, 60), "red": (220, 40, 40)}
MEANS = np.array([[0, 0, 0, 0], [20, 0, 1, 0], [0, 300, 0, 1]])


def grey_images(folder):
    """Write 300 training and 60 test images of 12 x 20 grey pixels, in three classes, as IDX; return the folder."""
    return write_archives(folder, n_train=300, n_test=60, n_classes=3, shape=(12, 20))


def colour_images(folder):
    """Write 40 training and 12 test images a class, 16 x 16, as PNG; return the folder.

    Each shows a disk of its class's colour, but for one test image a class, which no network can tell: a white one.
    """
    random = np.random.default_rng(0)
    for split, n_images in (("train", 40), ("test", 12)):
        for name, colour in COLOURS.items():
            (folder / split / name).mkdir(parents=True)
            for number in range(n_images):
                image = Image.fromarray(random.integers(0, 120, (16, 16, 3), dtype=np.uint8))
                x, y = random.integers(1, 7, 2).tolist()
                is_odd = split == "test" and number == 0
                ImageDraw.Draw(image).ellipse((x, y, x + 8, y + 8), fill=(255, 255, 255) if is_odd else colour)
                image.save(folder / split / name / f"{number}.png")
    return folder


def table(folder):
    """Write 400 training and 100 test rows of 4 features, three classes of 70, 20 and 10 %, as `.npz`; return it."""
    random = np.random.default_rng(0)
    arrays = {"class_names": np.array(["common", "less common", "rare"])}
    for split, n_rows in (("train", 400), ("test", 100)):
        labels = random.choice(3, n_rows, p=[0.7, 0.2, 0.1])
        rows = (MEANS[labels] + random.normal(size=(n_rows, 4)) * [10, 100, 1, 1]).astype(np.float32)
        arrays |= {f"x_{split}": rows, f"y_{split}": labels}
    folder.mkdir(parents=True)
    np.savez(folder / "table.npz", **arrays)
    return folder / "table.npz"
