"""Augmentations computed again in numpy, independently of dstn: what is drawn, by Philox4x32-10 as published, and what
becomes of images [H, W, C], which are bytes or numbers. Needs numpy alone."""
import math

import numpy as np

PURPOSE = 8                                    # of augmentation, among the streams of a seed
CHANGES = ("brightness", "contrast", "saturation", "hue")
MOST = {"rotation": 180, "shear": 80, "scale": 0.95, "translation": 1, "brightness": 10, "contrast": 10,
        "saturation": 10, "hue": 0.5, "padding": 16384, "holes": 1000, "length": 16384, "rate": 1}
DEFAULTS = {"flip": {"rate": 0.5}}


# ---- draws ----

def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011): four words of a counter, two of a key."""
    c, k = [int(word) for word in counter], [int(word) for word in key]
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(second >> 32) ^ c[1] ^ k[0], second & 0xFFFFFFFF, (first >> 32) ^ c[3] ^ k[1], first & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


class Stream:
    """The uniform numbers of one augmentation of a list, for one row of a step."""

    def __init__(self, seed, step, row, place):
        self.seed, self.step, self.row, self.lane = seed, step, row, place << 32

    def pair(self, lane):
        """Two numbers in (0, 1), of 53 bits each."""
        lane += self.lane
        high = (self.step >> 32) << 16 | (lane >> 32) & 0xFFFF
        bits = philox((self.step & 0xFFFFFFFF, self.row & 0xFFFFFFFF, lane & 0xFFFFFFFF, high), (self.seed, PURPOSE))
        whole = (bits[0] << 32 | bits[1]) >> 11, (bits[2] << 32 | bits[3]) >> 11
        return [(number or 0.5) * 2.0**-53 for number in whole]


# ---- what is done, with given parameters ----

def inverse_matrix(width, height, rotation, shear, scale, x, y):
    """What Pillow's transform wants: where each pixel comes from. With R the rotation, H the shear along x, both in
    degrees, c the centre and t = (x, y): p ↦ (scale R H)^-1 (p − c − t) + c, torchvision's functional.affine."""
    angle, slope = math.radians(rotation), math.tan(math.radians(shear))
    a, b = math.cos(angle), -math.cos(angle) * slope - math.sin(angle)
    c, d = math.sin(angle), -math.sin(angle) * slope + math.cos(angle)
    m = [d / scale, -b / scale, 0.0, -c / scale, a / scale, 0.0]
    centre = 0.5 * width, 0.5 * height
    for row in (0, 3):
        m[row + 2] = m[row] * (-centre[0] - x) + m[row + 1] * (-centre[1] - y) + centre[row // 3]
    return m


def affine(image, rotation=0.0, shear=0.0, scale=1.0, x=0, y=0):
    """Nearest pixel, zeros outside; in fixed point of 16 bits, which is what Pillow has (without rotation and shear:
    in double)."""
    height, width = image.shape[:2]
    if rotation == 0 and shear == 0 and scale == 1 and x == 0 and y == 0:
        return image
    m = inverse_matrix(width, height, rotation, shear, scale, x, y)
    columns, lines = np.meshgrid(np.arange(width), np.arange(height))
    source = []
    for row in (0, 3):
        right, down, start = m[row], m[row + 1], m[row + 2] + m[row] * 0.5 + m[row + 1] * 0.5
        if m[1] == 0 and m[3] == 0:
            source.append(np.floor(start + right * columns + down * lines).astype(np.int64))
        else:
            right, down, start = (math.floor(number * 65536 + 0.5) for number in (right, down, start))
            source.append((start + right * columns + down * lines) >> 16)
    inside = (source[0] >= 0) & (source[0] < width) & (source[1] >= 0) & (source[1] < height)
    moved = image[source[1].clip(0, height - 1), source[0].clip(0, width - 1)]
    return np.where(inside[..., None], moved, np.zeros_like(moved))


def crop(image, down=0, right=0):
    """The piece that lies so far off, zeros where the image ends."""
    height, width = image.shape[:2]
    pad = max(abs(down), abs(right))
    padded = np.pad(image, ((pad, pad), (pad, pad), (0, 0)))
    return padded[pad + down:pad + down + height, pad + right:pad + right + width]


def blend(first, second, factor):
    """Pillow's Image.blend: bytes `factor` of the way from the first to the second and beyond, in single precision."""
    mixed = first.astype(np.float32) + np.float32(factor) * (second.astype(np.int32) - first).astype(np.float32)
    return mixed.clip(0, 255).astype(np.uint8)


def grey(image):
    """Pillow's mode L [H, W, 1]."""
    if image.shape[2] == 1:
        return image
    weights = np.array([19595, 38470, 7471])
    return ((image.astype(np.int64) @ weights + 0x8000) >> 16).astype(np.uint8)[..., None]


def to_hsv(image):
    """Pillow's mode HSV: numbers of bytes [H, W] each; f4 and f8 where Pillow has them."""
    f4 = np.float32
    r, g, b = (image[..., c].astype(np.int64) for c in range(3))
    most, fewest = image.max(2).astype(np.int64), image.min(2).astype(np.int64)
    span = np.maximum(most - fewest, 1).astype(f4)
    r_off, g_off, b_off = ((most - plane).astype(f4) / span for plane in (r, g, b))
    hue = np.where(r == most, (b_off - g_off).astype(np.float64), np.where(
        g == most, 2.0 + r_off.astype(np.float64) - b_off, 4.0 + g_off.astype(np.float64) - r_off)).astype(f4)
    hue = np.fmod(hue.astype(np.float64) / 6.0 + 1.0, 1.0).astype(f4)
    saturation = (most - fewest).astype(f4) / np.maximum(most, 1).astype(f4)
    colored = most > fewest
    return (np.where(colored, (hue.astype(np.float64) * 255.0).astype(np.int64), 0),
            np.where(colored, (saturation.astype(np.float64) * 255.0).astype(np.int64), 0), most)


def to_rgb(hue, saturation, value):
    f4 = np.float32
    turn = hue * 6.0 / 255.0
    whole = np.floor(turn).astype(np.int64)
    rest, s = (turn - whole).astype(f4), (saturation / 255.0).astype(f4)

    def rounded(part):
        return np.floor(value * part + 0.5).astype(np.int64)

    p, q = rounded(1.0 - s.astype(np.float64)), rounded(1.0 - (s * rest).astype(np.float64))
    t = rounded(1.0 - s.astype(np.float64) * (1.0 - rest.astype(np.float64)))
    sector = whole % 6
    planes = [np.choose(sector, choices) for choices in (
        (value, q, p, p, t, value), (t, value, value, q, p, p), (p, p, t, value, value, q))]
    return np.stack(planes, 2).astype(np.uint8)


def change_color(image, change, amount):
    """One of CHANGES; for hue the part of the circle, else the factor."""
    if change == "brightness":
        return blend(np.zeros_like(image), image, amount)
    if change == "contrast":
        return blend(np.full_like(image, int(grey(image).mean(dtype=np.float64) + 0.5)), image, amount)
    if change == "saturation":
        return blend(np.broadcast_to(grey(image), image.shape), image, amount)
    hue, saturation, value = to_hsv(image)
    return to_rgb((hue + int(amount * 255)) % 256, saturation, value)


def cut(image, at_y, at_x, length):
    """A hole of zeros around a pixel."""
    y, x = at_y - length // 2, at_x - length // 2
    image = image.copy()
    image[max(y, 0):max(y + length, 0), max(x, 0):max(x + length, 0)] = 0
    return image


# ---- what is drawn ----

def around(u, strength, centre=0.0):
    return centre + strength * (2 * u - 1)


def draw(name, strengths, stream, height, width):
    """The parameters of one augmentation: a list of (what, its arguments) in the order in which they are done."""
    s = {key: 0.0 if not value > 0 else min(value, MOST[key]) for key, value in strengths.items()}
    if name == "flip":
        return [("flip", ())] if stream.pair(0)[0] < strengths["rate"] else []
    if name == "affine":
        (rotation, shear), (x, y), (scale, _) = (stream.pair(lane) for lane in range(3))
        move = s.get("translation", 0.0)
        return [("affine", (around(rotation, s.get("rotation", 0.0)), around(shear, s.get("shear", 0.0)),
                            around(scale, s.get("scale", 0.0), 1.0), round(around(x, move * width)),
                            round(around(y, move * height))))]
    if name == "color":
        u, left = stream.pair(0) + stream.pair(1), list(CHANGES)
        number, order = int(stream.pair(2)[0] * 24), []
        while left:
            number, chosen = divmod(number, len(left))
            order.append(left.pop(chosen))
        found = []
        for change in order:
            v = s.get(change, 0.0)
            low, high = (-v, v) if change == "hue" else (max(0.0, 1 - v), 1 + v)
            if v > 0:
                found.append((change, (low + (high - low) * u[CHANGES.index(change)],)))
        return found
    if name == "crop":
        padding = int(s["padding"])
        return [("crop", tuple(min(int(u * (2 * padding + 1)), 2 * padding) - padding for u in stream.pair(0)))]
    if name == "cutout":
        length = int(s["length"])
        centres = [stream.pair(k) for k in range(int(s["holes"]) if length else 0)]
        return [("cut", (min(int(y * height), height - 1), min(int(x * width), width - 1), length)) for y, x in centres]
    raise KeyError(f"augmentation {name}")


OPERATIONS = {"flip": lambda image: image[:, ::-1], "affine": affine, "crop": crop, "cut": cut,
              **{change: lambda image, amount, change=change: change_color(image, change, amount) for change in CHANGES}}


def strengths_of(entry, names, values):
    """(name, {key: number}) of an entry of the list `augment`, with the hyperparameters' values [h] of one example."""
    name, options = (entry, {}) if isinstance(entry, str) else next(iter(entry.items()))
    options = {**DEFAULTS.get(name, {}), **(options or {})}
    return name, {key: float(values[names.index(text)] if text in names else text) for key, text in options.items()}


def augmented(image, entries, names, values, seed, step, row, normalize):
    """An image as its source has it [H, W, C], as a pass sees it: augmented, `normalize` applied before Cutout."""
    is_normalized = False
    for place, entry in enumerate(entries):
        name, strengths = strengths_of(entry, names, values)
        if name == "cutout" and not is_normalized:
            image, is_normalized = normalize(image), True
        for what, arguments in draw(name, strengths, Stream(seed, step, row, place), *image.shape[:2]):
            image = OPERATIONS[what](image, *arguments)
    return image if is_normalized else normalize(image)
