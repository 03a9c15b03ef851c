#!/usr/bin/env python3
"""Writes the pictures beside this file with Pillow, from one of the shapes set: the same
picture in many forms, and letterboxed.png as the training tools letterbox it."""
import os

import numpy as np
from PIL import Image

here = os.path.dirname(os.path.abspath(__file__))
shapes = f"{here}/../../../tests/data/shapes/val/images"
im = Image.open(f"{shapes}/0006.jpg").resize((159, 119), Image.BICUBIC)  # odd both ways

def save(name, picture, **how):
    picture.save(f"{here}/{name}", **how)

save("plain.png", im)
for ratio, sampling in {"444": 0, "422": 1, "420": 2}.items():
    save(f"{ratio}.jpg", im, quality=90, subsampling=sampling)
    save(f"{ratio}.png", Image.open(f"{here}/{ratio}.jpg"))  # as Pillow reads it
save("progressive.jpg", im, quality=95, progressive=True)
save("cmyk.jpg", im.convert("CMYK"), quality=95)
save("gray.jpg", im.convert("L"), quality=95)
save("gray.png", im.convert("L"))
save("gray16.png", Image.fromarray(np.asarray(im.convert("L")).astype(np.uint16) * 257))
save("rgba.png", im.convert("RGBA"))
save("palette.png", im.quantize(256))
save("lossless.webp", im, lossless=True)
save("lossy.webp", im, quality=95)
save("plain.bmp", im)
save("lzw.tiff", im, compression="tiff_lzw")
stored = {1: None, 2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_90",
          7: "TRANSVERSE", 8: "ROTATE_270"}
for o, turn in stored.items():
    exif = Image.Exif()
    exif[0x112] = o
    turned = im.transpose(getattr(Image.Transpose, turn)) if turn else im
    save(f"orientation-{o}.jpg", turned, quality=95, subsampling=0, exif=exif)
    if o == 6:
        save("orientation-6.png", turned, exif=exif)
        save("orientation-6.webp", turned, exif=exif, lossless=True)
        save("orientation-6.tiff", turned, exif=exif, compression="tiff_lzw")

size, source = 160, Image.open(f"{shapes}/0000.jpg")
r = min(size / source.width, size / source.height)
w, h = round(source.width * r), round(source.height * r)
box = Image.new("RGB", (size, size), (114,) * 3)
box.paste(source.resize((w, h), Image.BILINEAR), ((size - w) // 2, (size - h) // 2))
save("letterboxed.png", box)
