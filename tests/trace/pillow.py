"""Holds analysis/retrace_augment.py, which retrace.py compares a trace's images with, against Pillow on the same
parameters: python3 pillow.py ANALYSIS. Prints the largest difference of each; exit code 1 where one is too large.

Mirror images, pieces, holes and colors: the same bytes. Of nearest neighbours too, on Pillow 9.4 and 11, which compute
where a pixel comes from in fixed point of 16 bits, or without rotation and shear by summing doubles: there alone a
column or line may differ, where it comes from within rounding of the border between two pixels; at most one pixel in
10,000 is allowed for that."""
import sys

import numpy as np
import PIL
from PIL import Image, ImageEnhance, ImageOps

sys.path.insert(0, sys.argv[1])
import retrace_augment as mine

ENHANCERS = {"brightness": ImageEnhance.Brightness, "contrast": ImageEnhance.Contrast, "saturation": ImageEnhance.Color}
MOST_NEIGHBOURS = 1e-4  # of all pixels

rng = np.random.default_rng(16)
worst, pixels = {}, 0


def compare(what, got, want):
    off = np.abs(got.astype(int) - np.asarray(want).reshape(got.shape).astype(int))
    if what == "affine":
        worst[what] = worst.get(what, 0) + int(off.any(2).sum())
    else:
        worst[what] = max(worst.get(what, 0), int(off.max(initial=0)))


def moved_hue(image, part):
    """torchvision's adjust_hue."""
    hue, saturation, value = image.convert("HSV").split()
    moved = np.array(hue) + np.int32(part * 255).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(moved), saturation, value)).convert("RGB")


def compare_places(array, image):
    global pixels
    height, width = array.shape[:2]
    compare("flip", mine.OPERATIONS["flip"](array), ImageOps.mirror(image))
    pad, down, right = 5, *map(int, rng.integers(-5, 6, 2))
    box = (pad + right, pad + down, pad + right + width, pad + down + height)
    compare("crop", mine.crop(array, down, right), ImageOps.expand(image, pad).crop(box))
    hole, length = image.copy(), int(rng.integers(1, 12))
    y, x = int(rng.integers(height)), int(rng.integers(width))
    left, top = max(x - length // 2, 0), max(y - length // 2, 0)
    right_end, end = x - length // 2 + length, y - length // 2 + length
    hole.paste(0 if image.mode == "L" else (0, 0, 0), (left, top, right_end, end))
    compare("cut", mine.cut(array, y, x, length), hole)
    for is_rotated, is_sheared in ((1, 1), (1, 0), (0, 1), (0, 0)):
        rotation, shear = is_rotated * rng.uniform(-180, 180), is_sheared * rng.uniform(-45, 45)
        scale, x, y = rng.uniform(0.5, 1.5), *map(int, rng.integers(-width, width + 1, 2) // 2)
        matrix = mine.inverse_matrix(width, height, rotation, shear, scale, x, y)
        want = image.transform((width, height), Image.AFFINE, matrix, Image.NEAREST, fillcolor=0)
        compare("affine", mine.affine(array, rotation, shear, scale, x, y), want)
        pixels += height * width


def compare_colors(array, image):
    for change, enhancer in ENHANCERS.items():
        if image.mode == "RGB" or change != "saturation":
            for factor in (rng.uniform(0, 1), rng.uniform(1, 4), 0.0, 1.0):
                compare(change, mine.change_color(array, change, factor), enhancer(image).enhance(factor))
    if image.mode == "RGB":
        part = rng.uniform(-0.5, 0.5)
        compare("hue", mine.change_color(array, "hue", part), moved_hue(image, part))


for case in range(60):
    height, width = (32, 32) if case % 2 else rng.integers(1, 40, 2)
    array = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    compare_places(array, Image.fromarray(array))
    compare_colors(array, Image.fromarray(array))
    grey = array[..., :1]
    compare_places(grey, Image.fromarray(grey[..., 0]))
    compare_colors(grey, Image.fromarray(grey[..., 0]))
# Colors near each other and near grey, where hues are rounded most.
for base in range(0, 256, 5):
    near = np.clip(base + rng.integers(-3, 4, (64, 64, 3)), 0, 255).astype(np.uint8)
    compare_colors(near, Image.fromarray(near))

allowed = {"affine": int(MOST_NEIGHBOURS * pixels)}
for what, off in worst.items():
    print(f"{what} {off} (allowed: {allowed.get(what, 0)})")
print(f"Pillow {PIL.__version__}, {pixels} pixels of affine")
sys.exit(any(off > allowed.get(what, 0) for what, off in worst.items()) or len(worst) < 8)
