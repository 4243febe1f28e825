"""A text in Penn Treebank's form, of few words: small_text.py FOLDER TRAIN VALID TEST VOCABULARY, in words a part."""
import pathlib
import random
import sys

folder, sizes, words = pathlib.Path(sys.argv[1]), [int(size) for size in sys.argv[2:5]], int(sys.argv[5])
draws = random.Random(1)
folder.mkdir()
for part, size in zip(("train", "valid", "test"), sizes):
    # The first of a part are all words, once; the frequent ones come as often as those of a language.
    text = [f"w{i}" for i in range(words)] + [f"w{int(words ** draws.random()) - 1}" for _ in range(size)]
    text = text[:size]
    lines = [" ".join(text[i:i + 9]) for i in range(0, len(text), 9)]
    (folder / f"{part}.txt").write_text("".join(f" {line} \n" for line in lines))
