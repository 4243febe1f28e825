"""What `dstn sample` should print, by retrace.py's network: from the state in which a trace ends, words drawn behind a
prompt. words.py ANALYSIS TRACE.h5 FOLDER COUNT TEMPERATURE SEED PROMPT..."""
import pathlib
import sys

import h5py
import torch
import yaml

sys.path.insert(0, sys.argv[1])
import retrace
import retrace_augment
import retrace_text  # adds the layers
from retrace_layers import Network, Pass

path, folder, count, temperature, seed = sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]), int(sys.argv[6])
prompt = sys.argv[7:]
retrace_augment.PURPOSE = 11  # of words that are drawn
with h5py.File(path, "r") as file:
    config = yaml.load(retrace.text_of(file, "config"), yaml.BaseLoader)
    end = file["end"]
    space = retrace.Space(config["hyperparameters"], retrace.number(end["lambda"]), retrace.number(end["raw_scale"]))
    parameters = retrace.tree(end["params"])
    numbers = file["text/train"][:].astype(int)
# The vocabulary: the training text's words, in the order of their numbers.
text = [word for line in (pathlib.Path(folder) / "train.txt").read_text().splitlines() for word in [*line.split(), "<eos>"]]
vocabulary = dict(zip(numbers.tolist(), text))
number_of = {word: number for number, word in vocabulary.items()}
network = Network(config["model"], config.get("regularizers"), space.names, 1)
at = space.lambda_[None]
z = at if retrace.Method(config).name == "stn" else None
states, spoken = {}, list(prompt)
with torch.no_grad():
    for i in range(len(prompt) + count):
        word = (["<eos>"] + spoken)[i]
        p = Pass(parameters, {}, space.values(at), z, states=states)
        output, states = network.output(torch.tensor([[number_of[word]]]), p), p.left
        if i >= len(prompt):
            uniform = retrace_augment.Stream(seed, i, 0, 0).pair(0)[0]
            below = torch.softmax(output[0] / temperature, 0).cumsum(0)
            spoken.append(vocabulary[int((below <= uniform).sum())])
print(" ".join(spoken).replace(" <eos>", "\n").replace("\n ", "\n").rstrip("\n"))
